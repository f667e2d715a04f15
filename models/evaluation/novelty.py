"""Groups of embeddings that a reference does not have."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Groups = NDArray[np.int64]  # one a row; KNOWN: near to the reference

KNOWN = -1
FARTHEST = 0.99  # quantile of the reference's own distances beyond which a row is new


def novel_groups(reference: Floats, window: Floats) -> Groups:
    """The group of each row of a window (n, d), largest first from 0; KNOWN where it is none.

    A row is new where its nearest row of the reference (m, d) is farther than 99 % of the rows of
    the reference have their own nearest. New rows nearer than that to one another are one group.
    Columns are scaled by the reference's standard deviations.
    """
    groups = np.full(len(window), KNOWN, dtype=np.int64)
    if len(reference) < 2 or not len(window):
        return groups
    scale = np.where(reference.std(axis=0) > 0, reference.std(axis=0), 1.0)
    known, rows = reference / scale, window / scale
    own = _squares(known, known)
    np.fill_diagonal(own, np.inf)
    radius = float(np.quantile(own.min(axis=1), FARTHEST))
    new = np.flatnonzero(_squares(rows, known).min(axis=1) > radius)
    labels = _connected(_squares(rows[new], rows[new]) <= radius)
    sizes = np.bincount(labels) if len(labels) else np.zeros(0, dtype=np.int64)
    rank = np.argsort(np.argsort(-sizes, kind="stable"), kind="stable")
    groups[new] = rank[labels] if len(labels) else KNOWN
    return groups


def _squares(left: Floats, right: Floats) -> Floats:
    """Squared distances (left, right)."""
    squares = (left**2).sum(1)[:, None] + (right**2).sum(1)[None] - 2 * left @ right.T
    distances: Floats = np.maximum(squares, 0.0)
    return distances


def _connected(near: NDArray[np.bool_]) -> Groups:
    """The connected part of each node of a graph (n, n)."""
    labels = np.full(len(near), KNOWN, dtype=np.int64)
    part = 0
    for start in range(len(near)):
        if labels[start] != KNOWN:
            continue
        waiting = [start]
        labels[start] = part
        while waiting:
            others = np.flatnonzero(near[waiting.pop()] & (labels == KNOWN))
            labels[others] = part
            waiting.extend(others.tolist())
        part += 1
    return labels
