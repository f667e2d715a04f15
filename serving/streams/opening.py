"""Builds the streams of a worker from its settings."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from infra.database import open_database
from infra.service_settings.streams import audiohook_key
from infra.service_settings.webhooks import webhook_keys
from infra.settings import Settings
from infra.webhooks.courier import Courier, Sender
from infra.webhooks.targets import AllowedTargets
from models.params.tree import read_params
from models.params.window import StreamParams
from serving.api.draining import Drain
from serving.door import Door
from serving.streams.entrance import StreamSecrets
from serving.streams.live import FAREWELL_S, LiveStreams, StreamLimits
from serving.streams.stream_log import StreamLog


@asynccontextmanager
async def open_streams_of_worker(
    here: Settings, door: Door, drain: Drain
) -> AsyncIterator[LiveStreams]:
    """The streams, and the threads that write and send what is known of them.

    When the drain begins, streams are asked to reconnect, and end some seconds before the sockets
    are closed. Raises InputError if params.yaml cannot be read.
    """
    courier = Courier(
        lambda: open_database(here.database_url),
        Sender(AllowedTargets.parse(here.webhook_targets), webhook_keys(here.webhook_secret)),
    )
    log = StreamLog(lambda: open_database(here.database_url), courier.wake)
    live = _live_streams(here, door, log)
    log.start()
    courier.start()
    ends: list[asyncio.Task[None]] = []
    grace_s = max(0.0, drain.seconds - FAREWELL_S)
    stay = drain.on_begin(lambda: ends.append(asyncio.create_task(live.leave(grace_s))))
    try:
        yield live
    finally:
        stay()
        await asyncio.to_thread(log.close)
        await asyncio.to_thread(courier.close)


def _live_streams(here: Settings, door: Door, log: StreamLog) -> LiveStreams:
    limits = StreamLimits(
        count=here.streams_per_worker,
        idle_s=here.stream_idle_s,
        ahead_s=here.stream_ahead_s,
        longest_s=here.stream_max_s,
    )
    targets, secrets = AllowedTargets.parse(here.webhook_targets), _secrets(here)
    params, webhook = stream_params(here), here.stream_webhook_url
    return LiveStreams(door, params, limits, log, targets, webhook, secrets)


def stream_params(here: Settings) -> StreamParams:
    """`streams` of params.yaml, or the defaults where there is no such file."""
    return read_params(here.params_file).streams if here.params_file.exists() else StreamParams()


def _secrets(here: Settings) -> StreamSecrets:
    twilio, audiohook = here.twilio_auth_token, here.audiohook_secret
    return StreamSecrets(
        twilio=twilio.get_secret_value() if twilio else None,
        audiohook=audiohook_key(audiohook) if audiohook else None,
    )
