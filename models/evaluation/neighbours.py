"""A label against those of the nearest embeddings."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

NEAREST = 5


def opposed_by_neighbours(
    points: NDArray[np.float64], labels: Sequence[str], groups: Sequence[str]
) -> NDArray[np.bool_]:
    """Whether all of the NEAREST points (n, d) of other groups have another label than a point.

    Columns are scaled by their standard deviations. Neighbours of its own group (a source) do not
    count: who floods one label surrounds it with his own. A point with fewer neighbours is not
    opposed.
    """
    count = len(points)
    opposed = np.zeros(count, dtype=np.bool_)
    if count <= NEAREST:
        return opposed
    scaled = points / np.where(points.std(axis=0) > 0, points.std(axis=0), 1.0)
    words, names = np.array(labels), np.array(groups)
    for row in range(count):
        others = np.flatnonzero(names != names[row])
        if len(others) < NEAREST:
            continue
        distances = ((scaled[others] - scaled[row]) ** 2).sum(axis=1)
        nearest = others[np.argsort(distances, kind="stable")[:NEAREST]]
        opposed[row] = bool(np.all(words[nearest] != words[row]))
    return opposed
