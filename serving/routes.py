"""The endpoint's routes: the operations of serving.api, the pages that describe them, /metrics.

A Starlette application that BentoML serves next to its own /healthz, /readyz and /livez. BentoML's
API methods are not used: they accept POST only, read a body of any size, and answer a broken form
with 500.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from serving.api.asyncapi import asyncapi
from serving.api.draining import Drain
from serving.api.exposition import metrics_page
from serving.api.front import EndpointApp
from serving.api.guard import guarded, refusal
from serving.api.openapi import openapi
from serving.api.operation import Operation
from serving.api.operations import OPERATIONS
from serving.api.public_pages import page_routes
from serving.api.rates import RateLimit
from serving.streams.routes import stream_routes

log = logging.getLogger(__name__)

SENTENCES = {
    404: "no such path; GET /docs describes those that there are",
    405: "another method expected; GET /docs describes them",
}
Endpoint = Callable[[Request], Awaitable[Response]]
Lifespan = Callable[[Starlette], AbstractAsyncContextManager[None]]


def build_app(lifespan: Lifespan) -> Starlette:
    """The application; its lifespan sets the fields of `app.state` that the routes read."""
    app = EndpointApp(
        routes=[
            *operation_routes(OPERATIONS),
            *stream_routes(),
            *page_routes(lambda: openapi(OPERATIONS), asyncapi),
            Route("/metrics", metrics_page, methods=["GET"]),
        ],
        exception_handlers={HTTPException: _http_error, Exception: _failed},
        lifespan=lifespan,
    )
    app.state.rates, app.state.drain = RateLimit(0), Drain(0)
    app.state.public_docs = app.state.public_metrics = False
    return app


def operation_routes(operations: Sequence[Operation]) -> list[Route]:
    """One route for each path: what it allows is told with 405."""
    paths: dict[str, dict[str, Endpoint]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method] = guarded(operation)
    return [Route(path, _by_method(ends), methods=list(ends)) for path, ends in paths.items()]


def _by_method(endpoints: dict[str, Endpoint]) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        return await endpoints["GET" if request.method == "HEAD" else request.method](request)

    return endpoint


async def _http_error(_: Request, error: Exception) -> Response:
    """Answer an HTTP error such as a wrong method."""
    status: Any = getattr(error, "status_code", 500)
    headers = getattr(error, "headers", None)
    sentence = str(getattr(error, "detail", error))
    return refusal(status, SENTENCES.get(status, sentence), dict(headers or {}))


async def _failed(request: Request, error: Exception) -> Response:
    """Answer an internal error: the traceback goes to the log, one sentence to the client."""
    log.error("%s failed", request.url.path, exc_info=error)
    return refusal(500, "the endpoint failed, its log has the reason")
