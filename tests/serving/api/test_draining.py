"""A worker that is told to end is not ready first, and takes connections for a while."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from serving.api.draining import Drain

Start = Callable[..., Any]


@pytest.fixture
def ends() -> Iterator[list[float]]:
    """When the server's own handler was called."""
    moments: list[float] = []
    before = signal.signal(signal.SIGTERM, lambda *_: moments.append(time.monotonic()))
    yield moments
    signal.signal(signal.SIGTERM, before)


def test_the_server_ends_some_time_after_the_signal(ends: list[float]) -> None:
    drain, streams = Drain(0.3), []

    async def serve() -> None:
        drain.on_begin(lambda: streams.append("reconnect"))
        drain.on_begin(lambda: streams.append("ended before"))()
        with drain.following_signals(asyncio.get_running_loop()):
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.sleep(0.1)
            assert (drain.begun, streams, ends) == (True, ["reconnect"], [])
            await asyncio.sleep(0.5)

    begun = time.monotonic()
    asyncio.run(serve())
    assert len(ends) == 1
    assert ends[0] - begun >= 0.3


def test_a_second_signal_ends_the_server_at_once(ends: list[float]) -> None:
    async def serve() -> None:
        with Drain(60.0).following_signals(asyncio.get_running_loop()):
            os.kill(os.getpid(), signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.sleep(0.01)

    asyncio.run(serve())
    assert len(ends) == 1


def test_connections_are_not_kept_while_the_worker_ends(start: Start) -> None:
    endpoint = start()
    assert endpoint.client.get("/v1/model").headers.get("connection") != "close"
    endpoint.app.state.drain.begun = True
    assert endpoint.client.get("/v1/model").headers["connection"] == "close"
