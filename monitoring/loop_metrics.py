"""The metrics of the loop for Prometheus, made from the database when they are scraped.

`loop_metrics` is an ASGI application without a framework; `flows.servers.loop_metrics` serves it.
The endpoint has metrics of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from datetime import UTC, datetime
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector
from sqlalchemy import Engine

from infra.errors import UnreachableError
from models.params.tree import Params
from monitoring.loop_gauges import (
    alert_gauges,
    cycle_gauges,
    drift_gauges,
    label_gauges,
    version_gauges,
)

Message = MutableMapping[str, Any]
Asgi = Callable[
    [Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]],
    Awaitable[None],
]


class LoopCollector(Collector):
    """Reads the database at each collection."""

    def __init__(self, engine: Engine, params: Params) -> None:
        self._engine, self._params = engine, params

    def collect(self) -> Iterator[Metric]:
        """Every gauge of the loop; raises UnreachableError."""
        now = datetime.now(UTC)
        yield from drift_gauges(self._engine)
        yield from cycle_gauges(self._engine, self._params, now)
        yield from version_gauges(self._engine, self._params)
        yield from label_gauges(self._engine, now)
        yield from alert_gauges(self._engine)


def exposition(engine: Engine, params: Params) -> bytes:
    """The metrics in Prometheus' text format; raises UnreachableError."""
    registry = CollectorRegistry()
    registry.register(LoopCollector(engine, params))
    return generate_latest(registry)


def loop_metrics(engine: Callable[[], Engine], params: Callable[[], Params]) -> Asgi:
    """Answers every GET with the metrics, and 503 with a sentence where the database is away.

    `up` is 0 in Prometheus then, so that an outage does not look like a loop at rest.
    """

    async def answer(
        scope: Message, _receive: object, send: Callable[..., Awaitable[None]]
    ) -> None:
        if scope["type"] != "http":
            return
        try:
            body = await asyncio.to_thread(lambda: exposition(engine(), params()))
            status = 200
        except UnreachableError as error:
            body, status = f"{error}\n".encode(), 503
        headers = [(b"content-type", CONTENT_TYPE_PLAIN_0_0_4.encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return answer
