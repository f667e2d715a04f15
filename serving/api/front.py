"""What surrounds every answer: security headers, and the count and time of requests by route.

BentoML counts requests by path. A path of each request_id, or whatever a scanner makes up, would
take memory for good, so its metrics are off (serving.service) and the same series are kept here,
under the same names, by route.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.metrics import metrics

ROUTE = "antiphon.route"  # of a scope: the path of the operation that answers
NO_ROUTE = "other"
UNCOUNTED = frozenset({"/metrics"})
HEADERS: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class EndpointApp(Starlette):
    """The application behind its front, which also sees the answers to internal errors."""

    def build_middleware_stack(self) -> ASGIApp:
        """Starlette's, within the front."""
        return _Front(super().build_middleware_stack())


class _Front:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in UNCOUNTED:
            await self._app(scope, receive, send)
            return
        begun, status = time.perf_counter(), 0

        async def answered(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                if scope["app"].state.drain.begun:
                    headers["Connection"] = "close"
            await send(message)

        try:
            await self._app(scope, receive, answered)
        finally:
            labels = (scope.get(ROUTE, NO_ROUTE), str(status))
            metrics().request_seconds.labels(*labels).observe(time.perf_counter() - begun)
            metrics().requests.labels(*labels).inc()
