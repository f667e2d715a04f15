"""GET /metrics: those of all workers, for Prometheus."""

from __future__ import annotations

import asyncio
import os

from starlette.requests import Request
from starlette.responses import Response

from serving.api.public_pages import page


def _exposed() -> tuple[bytes, str]:
    # at import the client decides whether it writes for one process or for several, as BentoML
    # says by a variable that workers have from their start
    from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
    from prometheus_client.multiprocess import MultiProcessCollector

    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest(REGISTRY), CONTENT_TYPE_LATEST
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry), CONTENT_TYPE_LATEST


@page("public_metrics")
async def metrics_page(_: Request) -> Response:
    """Read the files of all workers, off the event loop."""
    content, media_type = await asyncio.to_thread(_exposed)
    return Response(content, headers={"Content-Type": media_type})
