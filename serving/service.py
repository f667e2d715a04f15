"""The BentoML service: `bentoml serve serving.service:Antiphon`.

BentoML runs the workers, their supervisor, /metrics and the probes. Importing this file opens
nothing, because the supervisor imports it too.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

import bentoml
from starlette.applications import Starlette
from starlette.exceptions import HTTPException

from infra.database import open_database
from infra.machine.proxies import bypass_proxies
from infra.machine.telemetry import silence
from infra.settings import settings
from serving.access import scopes_in
from serving.assembly import open_door
from serving.readiness import Places, why_not_ready
from serving.routes import build_app
from serving.streams.opening import open_streams
from serving.uploads import BodyLimits

bypass_proxies()
silence()  # before the supervisor reports usage, which it does right after the import

LONGEST_ANSWER_S = 300  # ten minutes of audio are about 300 windows of AASIST
FIRST_POLL_S = 30.0  # a worker accepts connections after this time even without a champion
AT_ONCE = 64  # requests in one service; further ones get 429


@contextlib.asynccontextmanager
async def _open(app: Starlette) -> AsyncIterator[None]:
    logging.getLogger("serving").setLevel(logging.INFO)  # BentoML shows warnings only
    current = settings()
    token = current.api_token
    app.state.api_token = token.get_secret_value() if token else None
    app.state.scopes_of = scopes_in(lambda: open_database(current.database_url))
    app.state.body_limits = BodyLimits(
        current.max_upload_bytes, current.upload_idle_s, current.upload_timeout_s
    )
    app.state.places = Places(-(-AT_ONCE // current.endpoint_workers))  # BentoML shares them so
    app.state.door = open_door(current)
    opened = open_streams(current, app.state.door)
    app.state.streams = opened.live
    await asyncio.to_thread(app.state.door.slot.wait_for_first_poll, FIRST_POLL_S)
    try:
        yield
    finally:
        opened.close()
        app.state.door.close()


app = build_app(_open)


@bentoml.service(name="antiphon", traffic={"timeout": LONGEST_ANSWER_S, "max_concurrency": AT_ONCE})
@bentoml.asgi_app(app, path="/")
class Antiphon:
    """The service; its routes are those of `app`."""

    async def __is_alive__(self) -> bool:
        """/healthz and /livez: 503 once a background thread has ended."""
        return bool(app.state.door.alive)

    async def __is_ready__(self) -> bool:
        """/readyz: 503 with a sentence while nobody can be served."""
        objection = await why_not_ready(app.state.door, app.state.places)
        if objection is not None:
            raise HTTPException(503, objection)
        return True
