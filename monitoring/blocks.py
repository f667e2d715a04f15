"""Windows of stable traffic, drawn from the reference in blocks of a day, a caller and a source.

Requests of one caller resemble one another far more than those of two. Windows drawn row by row
would all have the same mixture of callers, which no window of real traffic has, and limits from
them would be crossed all the time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from pandas import DataFrame

Rows = NDArray[np.int64]
ORIGIN = ("day", "speaker_id", "source")
FEWEST_BLOCKS = 10  # fewer say nothing of how windows differ
MOST_BLOCKS = 0.8  # of the blocks, in one window
LARGEST_SHARE = 0.1  # of a window, the most rows of one block in it and in the reference


@dataclass(frozen=True)
class Blocks:
    """The rows of a reference by what they share."""

    rows: tuple[Rows, ...]
    note: str | None = None  # why they are no real blocks

    @classmethod
    def of(cls, reference: DataFrame) -> Blocks:
        """Rows of one day, caller and source are a block; a row that names none is its own.

        Without enough of them, each row is a block, and the note says so.
        """
        singles = tuple(np.arange(len(reference))[:, None])
        columns = [name for name in ORIGIN if name in reference]
        named = [name for name in columns if (reference[name].fillna("") != "").any()]
        if not named:
            return cls(singles, _plain("names no day, caller or source"))
        groups: dict[tuple[str, ...], list[int]] = {}
        keys = zip(*(reference[name].fillna("").astype(str) for name in named), strict=True)
        for row, key in enumerate(keys):
            groups.setdefault(key if any(key) else (*key, str(row)), []).append(row)
        if len(groups) < FEWEST_BLOCKS:
            few = f"has {len(groups)} blocks of {', '.join(named)}, {FEWEST_BLOCKS} are needed"
            return cls(singles, _plain(few))
        blocks = (groups[key] for key in sorted(groups))
        return cls(tuple(np.asarray(rows, dtype=np.int64) for rows in blocks))

    def thinned(self, rows: int, random: np.random.Generator) -> Rows:
        """Rows of every block, no more of one than a window of so many rows may hold.

        A caller with hundreds of calls would make the reference a portrait of that caller, and
        windows of others look far from it.
        """
        largest = max(1, int(rows * LARGEST_SHARE))
        parts = [
            random.choice(block, largest, replace=False) if len(block) > largest else block
            for block in self.rows
        ]
        return np.sort(np.concatenate(parts))

    def halves(self, random: np.random.Generator) -> tuple[Blocks, Blocks]:
        """Two halves of the blocks, drawn anew."""
        order = random.permutation(len(self.rows)).tolist()
        middle = len(order) // 2
        first, second = (
            tuple(self.rows[i] for i in part) for part in (order[:middle], order[middle:])
        )
        return Blocks(first), Blocks(second)

    @property
    def all_rows(self) -> Rows:
        """The rows of every block, ascending."""
        return self._join(range(len(self.rows)))

    def windows(
        self, rows: int, draws: int, random: np.random.Generator
    ) -> Iterator[tuple[Rows, Rows]]:
        """Windows of at most so many rows and `MOST_BLOCKS`, with the rows of the other blocks."""
        largest = max(1, int(rows * LARGEST_SHARE))
        for _ in range(draws):
            order = random.permutation(len(self.rows))
            parts: list[Rows] = []
            held = 0
            for block in order:
                if held >= rows or len(parts) >= MOST_BLOCKS * len(order):
                    break
                part = self.rows[block]
                if len(part) > largest:
                    part = random.choice(part, largest, replace=False)
                parts.append(part[: rows - held])
                held += len(parts[-1])
            yield np.concatenate(parts), self._join(order[len(parts) :])

    def _join(self, blocks: Sequence[int] | Rows) -> Rows:
        if not len(blocks):
            return np.empty(0, np.int64)
        return np.sort(np.concatenate([self.rows[block] for block in blocks]))


def _plain(why: str) -> str:
    return (
        f"the reference {why}: limits come from windows drawn row by row, and traffic of few "
        "callers may cross them; train a champion on a corpus whose protocol has speaker_id and "
        "source"
    )
