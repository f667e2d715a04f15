"""The metrics of the loop for Prometheus, at /metrics of the console."""

from __future__ import annotations

from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from infra.access.tokens import holder_of
from infra.database import open_database
from infra.errors import UnreachableError
from models.errors import InputError
from models.params.tree import read_params
from monitoring.console.desk import Desk
from monitoring.console.entrance import needs_no_token
from monitoring.loop_metrics import exposition


def metrics_route(desk: Desk) -> Route:
    """GET /metrics: open where the console is, else to the holder of any token."""

    async def metrics(request: Request) -> Response:
        return await run_in_threadpool(_answer, desk, request)

    return Route("/metrics", metrics, methods=["GET"])


def _answer(desk: Desk, request: Request) -> Response:
    try:
        engine = open_database(desk.here.database_url)
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        is_held = scheme.lower() == "bearer" and holder_of(engine, token) is not None
        if not is_held and not needs_no_token(desk, engine):
            challenge = {"WWW-Authenticate": "Bearer"}
            return PlainTextResponse("Authorization: Bearer TOKEN expected\n", 401, challenge)
        body = exposition(engine, read_params(desk.here.params_file))
    except (UnreachableError, InputError) as error:
        return PlainTextResponse(f"{error}\n", 503)  # `up` is 0 then
    return Response(body, media_type=CONTENT_TYPE_PLAIN_0_0_4)
