"""How far people agree beyond chance: Krippendorff's α for nominal labels.

Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011), section C: from a matrix of
coincidences, so that people who labelled other items, or few, need no special care. 1 is perfect
agreement, 0 what chance gives.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]  # (items, labels): how many people gave an item a label
Answers = Mapping[str, str]  # person -> label


@dataclass(frozen=True)
class Agreement:
    """α with a bootstrap interval over items."""

    alpha: float
    low: float
    high: float
    items: int  # that two or more people labelled
    people: int


def alpha_of(counts: Counts) -> float | None:
    """α of counts (items, labels); None where every label that was given is one and the same.

    Items with one label alone say nothing and are left out.
    """
    pairable = counts[counts.sum(axis=1) >= 2].astype(np.float64)
    totals = pairable.sum(axis=0)
    n = totals.sum()
    expected = n * n - (totals**2).sum()
    if n == 0 or expected == 0:
        return None
    sizes = pairable.sum(axis=1)
    disagreeing = ((sizes**2 - (pairable**2).sum(axis=1)) / (sizes - 1)).sum()
    return float(1.0 - (n - 1) * disagreeing / expected)


def agreement(
    items: Sequence[Answers], confidence: float, resamples: int, seed: int
) -> Agreement | None:
    """α of items with its percentile interval; None where α has no value.

    The bootstrap draws items with all of their labels (Hayes & Krippendorff 2007). A draw without
    a value, where all labels happen to be the same, is perfect agreement.
    """
    shared = [item for item in items if len(item) >= 2]
    labels = sorted({label for item in shared for label in item.values()})
    counts = np.zeros((len(shared), len(labels)), dtype=np.int64)
    for row, item in enumerate(shared):
        for label in item.values():
            counts[row, labels.index(label)] += 1
    alpha = alpha_of(counts)
    if alpha is None:
        return None
    rng = np.random.default_rng(seed)
    draws = [alpha_of(counts[rng.integers(0, len(counts), len(counts))]) for _ in range(resamples)]
    values = [1.0 if draw is None else draw for draw in draws]
    tail = (1.0 - confidence) / 2
    low, high = np.quantile(values, [tail, 1.0 - tail])
    people = len({person for item in shared for person in item})
    return Agreement(alpha, float(low), float(high), len(shared), people)
