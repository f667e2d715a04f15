"""Builds the streams of a worker from its settings."""

from __future__ import annotations

from dataclasses import dataclass

from infra.database import open_database
from infra.service_settings.streams import audiohook_key
from infra.service_settings.webhooks import webhook_keys
from infra.settings import Settings
from infra.webhooks.courier import Courier, Sender
from infra.webhooks.targets import AllowedTargets
from models.params.tree import read_params
from models.params.window import StreamParams
from serving.door import Door
from serving.streams.entrance import StreamSecrets
from serving.streams.live import LiveStreams, StreamLimits
from serving.streams.stream_log import StreamLog


@dataclass(frozen=True)
class OpenedStreams:
    """The streams of a worker, and the threads behind them."""

    live: LiveStreams
    log: StreamLog
    courier: Courier

    def close(self) -> None:
        """Write and send what is left."""
        self.log.close()
        self.courier.close()


def open_streams(here: Settings, door: Door) -> OpenedStreams:
    """Start the threads. Raises InputError if params.yaml cannot be read."""
    targets = AllowedTargets.parse(here.webhook_targets)
    courier = Courier(
        lambda: open_database(here.database_url),
        Sender(targets, webhook_keys(here.webhook_secret)),
    )
    log = StreamLog(lambda: open_database(here.database_url), courier.wake)
    log.start()
    courier.start()
    live = LiveStreams(
        door,
        stream_params(here),
        StreamLimits(
            here.streams_per_worker, here.stream_idle_s, here.stream_ahead_s, here.stream_max_s
        ),
        log,
        targets,
        here.stream_webhook_url,
        _secrets(here),
    )
    return OpenedStreams(live, log, courier)


def stream_params(here: Settings) -> StreamParams:
    """`streams` of params.yaml, or the defaults where there is no such file."""
    return read_params(here.params_file).streams if here.params_file.exists() else StreamParams()


def _secrets(here: Settings) -> StreamSecrets:
    twilio, audiohook = here.twilio_auth_token, here.audiohook_secret
    return StreamSecrets(
        twilio=twilio.get_secret_value() if twilio else None,
        audiohook=audiohook_key(audiohook) if audiohook else None,
    )
