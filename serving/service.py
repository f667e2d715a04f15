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
from starlette.types import ASGIApp, Receive, Scope, Send

from infra.database import open_database
from infra.machine.proxies import bypass_proxies
from infra.machine.telemetry import silence
from infra.settings import settings
from serving.access import scopes_in
from serving.api.draining import Drain
from serving.api.rates import RateLimit
from serving.assembly import open_door
from serving.jobs.jobs_state import open_jobs_of_worker
from serving.readiness import Places, why_not_ready
from serving.routes import build_app
from serving.streams.opening import open_streams_of_worker
from serving.uploads import BodyLimits

bypass_proxies()
silence()  # before the supervisor reports usage, which it does right after the import

LONGEST_ANSWER_S = 300  # ten minutes of audio are about 300 windows of AASIST
FIRST_POLL_S = 60.0  # a worker accepts connections after this time even without a champion
AT_ONCE = 64  # requests in one service; further ones get 429
PROBES = frozenset({"/healthz", "/livez", "/readyz"})


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
    app.state.places = Places(-(-AT_ONCE // current.endpoint_workers))
    app.state.rates = RateLimit(current.rate_limit / current.endpoint_workers)
    app.state.public_docs = current.public_docs
    app.state.public_metrics = current.public_metrics
    app.state.door = open_door(current)
    await asyncio.to_thread(app.state.door.slot.wait_for_first_poll, FIRST_POLL_S)
    app.state.drain = Drain(current.drain_s)
    try:
        async with (
            open_streams_of_worker(current, app.state.door, app.state.drain) as streams,
            open_jobs_of_worker(current, app.state.door, app.state.drain) as jobs,
        ):
            app.state.streams, app.state.jobs = streams, jobs
            with app.state.drain.following_signals(asyncio.get_running_loop()):
                yield
    finally:
        app.state.door.close()


app = build_app(_open)


class OurRoutes:
    """All but the probes goes to `app`: BentoML's own pages describe none of our routes."""

    def __init__(self, bento: ASGIApp) -> None:
        self._bento = bento

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or a socket."""
        is_probe = scope["type"] == "lifespan" or scope["path"] in PROBES
        await (self._bento if is_probe else app)(scope, receive, send)


@bentoml.service(
    name="antiphon",
    traffic={"timeout": LONGEST_ANSWER_S},
    metrics={"enabled": False},  # serving.api.front has them
)
@bentoml.asgi_app(app, path="/")
class Antiphon:
    """The service; its routes are those of `app`."""

    async def __is_alive__(self) -> bool:
        """/healthz and /livez: 503 once a background thread has ended."""
        threads = app.state.streams.log.writing and app.state.jobs.runner.alive
        return bool(app.state.door.alive and threads)

    async def __is_ready__(self) -> bool:
        """/readyz: 503 with a sentence while nobody can be served, or the endpoint ends."""
        if app.state.drain.begun:
            raise HTTPException(503, "the endpoint is about to end")
        objection = await why_not_ready(app.state.door, app.state.places)
        if objection is not None:
            raise HTTPException(503, objection)
        return True


Antiphon.add_asgi_middleware(OurRoutes)  # type: ignore[attr-defined]  # a bentoml.Service
