"""Streams of traffic from scored trials: stable first, then with a change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from monitoring.blocks import Blocks, Rows

CHECKS = 4  # in the time of a window: a check every quarter of it
BEFORE, AFTER = 2, 3  # windows before and after the change


@dataclass(frozen=True)
class Stream:
    """Rows of a table of traffic; the change is at row `BEFORE * window`."""

    rows: Rows
    window: int

    def windows(self) -> Iterator[Rows]:
        """The window before each check, from the last window before the change on."""
        step = max(1, self.window // CHECKS)
        for end in range(BEFORE * self.window - self.window, len(self.rows) + 1, step):
            yield self.rows[end - self.window : end]

    @property
    def first(self) -> int:
        """Which of the windows ends where the change is."""
        return CHECKS if self.window >= CHECKS else self.window


def stream(
    stable: Blocks, changed: Blocks | None, share: float, window: int, random: np.random.Generator
) -> Stream:
    """Windows of callers, each drawn anew; after the change, such a share of rows is changed."""
    parts = [_window(stable, window, random) for _ in range(BEFORE + AFTER)]
    if changed is not None:
        for part in parts[BEFORE:]:
            places = random.random(window) < share
            part[places] = _window(changed, window, random)[places]
    return Stream(np.concatenate(parts), window)


def _window(blocks: Blocks, rows: int, random: np.random.Generator) -> Rows:
    """So many rows of callers, in any order; rows repeat where there are too few of them."""
    ((drawn, _),) = blocks.windows(rows, 1, random)
    filled = drawn if len(drawn) == rows else random.choice(drawn, rows)
    return random.permutation(filled)
