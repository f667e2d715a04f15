"""How often each token may ask: a bucket of a minute's requests that fills as time passes."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable

from serving.errors import BusyError

MINUTE_S = 60.0
CALLERS = 10_000  # the buckets in memory; of more callers, the one that asked longest ago is new


class RateLimit:
    """The buckets of one worker. Without a limit, everybody asks as often as they like."""

    def __init__(self, a_minute: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._a_minute, self._clock = a_minute, clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # requests left, since

    def count(self, caller: str) -> None:
        """Take one request of a caller; raises BusyError where none is left."""
        if not self._a_minute:
            return
        full = max(1.0, self._a_minute)
        now = self._clock()
        left, since = self._buckets.pop(caller, (full, now))
        left = min(full, left + (now - since) * self._a_minute / MINUTE_S)
        self._buckets[caller] = (left - 1.0 if left >= 1.0 else left, now)
        if len(self._buckets) > CALLERS:
            self._buckets.popitem(last=False)
        if left < 1.0:
            wait_s = math.ceil((1.0 - left) * MINUTE_S / self._a_minute)
            raise BusyError(
                f"at most {self._a_minute:g} requests a minute expected of this token; "
                f"try again in {wait_s} s",
                wait_s,
            )
