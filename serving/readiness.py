"""Whether the endpoint can serve anybody now: the answer of /readyz."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from serving.door import Door
from serving.errors import BusyError

FULL_S = 5.0  # every place taken for so long means that nobody is served


class Places:
    """The requests that a worker answers at once, and since when every place is taken."""

    def __init__(self, count: int) -> None:
        self._count = self._free = count
        self._full_since: float | None = None

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Take one place; call it on the event loop. Raises BusyError if none is free."""
        if self._free <= 0:
            raise BusyError(
                f"at most {self._count} requests at once expected, as many are being answered", 1
            )
        self._free -= 1
        if self._free <= 0:
            self._full_since = self._full_since or time.monotonic()
        try:
            yield
        finally:
            self._free += 1
            self._full_since = None

    def full_for(self) -> float:
        """Seconds since the last free place was taken; 0 if there is one."""
        return 0.0 if self._full_since is None else time.monotonic() - self._full_since


async def why_not_ready(door: Door, places: Places) -> str | None:
    """Why nobody can be served now, as a sentence; None if somebody can.

    Ended decoding processes are restarted, and a detector that failed is tried, so that an endpoint
    that gets no requests while it is not ready becomes ready again.
    """
    if door.slot.current is None:
        return "no champion is loaded yet"
    full_s = places.full_for()
    if full_s > FULL_S:
        return f"every place has been taken for {full_s:.0f} s, none becomes free"
    if not await asyncio.to_thread(door.decoders.revive):
        return "no decoding process is running, and none can be started"
    if door.runners.failing and not await _detects(door):
        return "the detector fails on every recording; the log has the reason"
    return None


async def _detects(door: Door) -> bool:
    champion = door.champion()
    silence = np.zeros((1, champion.manifest.window.samples), np.float32)
    try:
        await asyncio.wrap_future(door.runners.submit(champion, silence))
    except Exception:  # noqa: BLE001  whatever a runtime raises; requests log it
        return False
    return True
