"""The end of a worker: first it is not ready, after some seconds it takes no connections any more.

A load balancer needs that time to send callers elsewhere; requests and streams use it to end. Then
uvicorn closes the socket and waits for what is being answered.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

log = logging.getLogger(__name__)


class Drain:
    """Whether this worker was told to end; streams register what they do then."""

    def __init__(self, seconds: float) -> None:
        self.begun = False
        self.seconds = seconds
        self._callbacks: list[Callable[[], None]] = []

    def on_begin(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back on the event loop when the drain begins; returns what takes that back."""
        self._callbacks.append(callback)
        return lambda: self._callbacks.remove(callback)

    @contextmanager
    def following_signals(self, loop: asyncio.AbstractEventLoop) -> Iterator[None]:
        """Delay SIGTERM by the drain's seconds; a second one ends the worker at once."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        end: Any = signal.getsignal(signal.SIGTERM)  # uvicorn's, which is installed before

        def received(number: int, frame: FrameType | None) -> None:
            if self.begun:
                end(number, frame)
                return
            self.begun = True
            loop.call_soon_threadsafe(self._begin, loop, end, number)

        signal.signal(signal.SIGTERM, received)
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, end)

    def _begin(self, loop: asyncio.AbstractEventLoop, end: Any, number: int) -> None:
        if self.seconds:
            log.info("not ready any more; no connections are taken from %g s on", self.seconds)
        for callback in tuple(self._callbacks):
            callback()
        loop.call_later(self.seconds, end, number, None)
