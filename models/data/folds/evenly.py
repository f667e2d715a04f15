"""Groups dealt whole into folds of about equal size."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable


def dealt_evenly(names: Iterable[str], count: int) -> dict[str, int]:
    """Name -> fold: the largest group first, each into the fold that has the fewest members.

    `names` has the group of each member. The same names give the same folds, in whatever order.
    """
    sizes = [0] * count
    folds: dict[str, int] = {}
    for name, size in sorted(Counter(names).items(), key=lambda item: (-item[1], item[0])):
        folds[name] = sizes.index(min(sizes))
        sizes[folds[name]] += size
    return folds
