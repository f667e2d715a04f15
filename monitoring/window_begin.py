"""From when on traffic counts in a drift check."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Engine

from infra.past_cycles import last_turn
from infra.swaps import serving_since


def window_begin(engine: Engine, version: int) -> datetime | None:
    """The later of the last cycle and the last swap to this version; None: all of it.

    Traffic before a cycle has led to it already. A version that came back, by a rollback, has
    rows from before it went: a window with both would straddle two swaps.
    """
    times = (last_turn(engine), serving_since(engine, version))
    return max((time for time in times if time is not None), default=None)
