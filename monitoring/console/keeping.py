"""What is dear to compute is computed once in a while, by one thread, for all visitors."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from typing import TypeVar, cast

from monitoring.console.desk import Desk

T = TypeVar("T")
_turn = threading.RLock()


def kept(desk: Desk, key: Hashable, for_s: float, make: Callable[[], T]) -> T:
    """What `make` returned at most `for_s` ago; what it raises is raised and not kept."""
    entry = desk.kept.get(key)
    if entry is None or time.monotonic() >= entry[0]:
        with _turn:
            entry = desk.kept.get(key)
            if entry is None or time.monotonic() >= entry[0]:
                entry = desk.kept[key] = (time.monotonic() + for_s, make())
    return cast("T", entry[1])


def forget(desk: Desk, key: Hashable) -> None:
    """After an action changed it."""
    desk.kept.pop(key, None)
