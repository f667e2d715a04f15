"""The BentoML service: `bentoml serve serving.service:Antiphon`.

BentoML runs the workers, their supervisor, /metrics and the probes. Nothing is opened on import:
the supervisor imports this file too, and only workers answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

import bentoml
from starlette.applications import Starlette
from starlette.exceptions import HTTPException

from infra.settings import settings
from infra.telemetry import silence
from serving.assembly import open_door
from serving.routes import build_app

silence()  # the supervisor would report this start as soon as it has imported the service

LONGEST_ANSWER_S = 300  # ten minutes of audio are about 300 windows of AASIST
FIRST_LOOK_S = 30.0  # a worker takes connections after this, with its champion or without
AT_ONCE = 64  # requests in one service; more are answered 429 and cost no memory


@contextlib.asynccontextmanager
async def _open(app: Starlette) -> AsyncIterator[None]:
    logging.getLogger("serving").setLevel(logging.INFO)  # BentoML shows warnings only
    current = settings()
    token = current.api_token
    app.state.api_token = token.get_secret_value() if token else None
    app.state.max_upload_bytes = current.max_upload_bytes
    app.state.door = open_door(current)
    await asyncio.to_thread(app.state.door.slot.wait_for_first_look, FIRST_LOOK_S)
    try:
        yield
    finally:
        app.state.door.close()


app = build_app(_open)


@bentoml.service(name="antiphon", traffic={"timeout": LONGEST_ANSWER_S, "max_concurrency": AT_ONCE})
@bentoml.asgi_app(app, path="/")
class Antiphon:
    """The champion behind an HTTP door."""

    async def __is_alive__(self) -> bool:
        """/healthz and /livez: 503 once a thread behind the answers has ended."""
        return bool(app.state.door.alive)

    async def __is_ready__(self) -> bool:
        """/readyz: 503 with a sentence before a champion is loaded."""
        if app.state.door.slot.current is None:
            raise HTTPException(503, "no champion is loaded yet")
        return True
