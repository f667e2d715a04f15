"""Distances between a window and a reference, in numpy.

Wasserstein: optimal transport on a line pairs equal ranks. MMD and the domain classifier share
random Fourier features of a Gaussian kernel (Rahimi and Recht 2007): the MMD is the distance of
the mean features (Gretton et al. 2012), the classifier is its witness function.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Features = NDArray[np.floating]
FEATURES = 64  # random Fourier features
_SEED = 2012


def wasserstein(window: Floats, reference: Floats) -> Floats:
    """First Wasserstein distances (columns,) of columns that are sorted upwards, (w,) and (n,)."""
    return np.asarray(np.abs(window - quantiles(reference, len(window))).mean(axis=0))


def transport(window: Floats, reference: Floats) -> Floats:
    """How far transport carries each value (w,) to the sorted reference (n,); the mean is W₁."""
    ranks = window.argsort(kind="stable").argsort(kind="stable")
    return np.asarray(np.abs(window - quantiles(reference[:, None], len(window))[ranks, 0]))


def quantiles(ordered: Floats, count: int) -> Floats:
    """The midpoint quantiles (count, columns) of columns (n, columns) that are sorted upwards."""
    last = len(ordered) - 1
    place = np.clip((np.arange(count) + 0.5) / count * len(ordered) - 0.5, 0, last)
    low = place.astype(np.int64)
    part = (place - low)[:, None]
    return np.asarray(
        ordered[low] * (1 - part) + ordered[np.minimum(low + 1, last)] * part, dtype=np.float64
    )


@dataclass(frozen=True)
class Kernel:
    """Random Fourier features of points (n, d)."""

    directions: Floats  # (d, FEATURES / 2)

    @classmethod
    def of(cls, points: Floats) -> Kernel:
        """A Gaussian kernel half as wide as the median distance of points (n, d)."""
        random = np.random.RandomState(_SEED)
        pairs = random.randint(len(points), size=(2, 2_000))
        gaps = np.sqrt(((points[pairs[0]] - points[pairs[1]]) ** 2).sum(axis=1))
        width = float(np.median(gaps[gaps > 0])) / 2 if (gaps > 0).any() else 1.0
        return cls(random.standard_normal((points.shape[1], FEATURES // 2)) / width)

    def features(self, points: Floats) -> Floats:
        """Features (n, FEATURES), whose inner products estimate the kernel."""
        phases = points @ self.directions
        waves = np.concatenate([np.cos(phases), np.sin(phases)], axis=1)
        return np.asarray(waves / np.sqrt(FEATURES / 2), dtype=np.float64)


def mmd(window: Features, reference: Features) -> float:
    """Maximum mean discrepancy of features (w, f) and (n, f)."""
    return float(np.linalg.norm(window.mean(axis=0) - reference.mean(axis=0)))


def witness(window: Features, reference: Features) -> tuple[Floats, Floats]:
    """How much each row of features looks like the window: (w,) and (n,).

    Rows are judged by the witness function of the other half, even or odd rows, of both sides.
    """
    answers = np.empty(len(window)), np.empty(len(reference))
    for half in (0, 1):
        fitted = window[1 - half :: 2].mean(axis=0) - reference[1 - half :: 2].mean(axis=0)
        answers[0][half::2] = window[half::2] @ fitted
        answers[1][half::2] = reference[half::2] @ fitted
    return answers


def domain_auc(window: Features, reference: Features) -> float:
    """Area under the ROC curve of the witness function as a classifier; 0.5: no difference.

    Each half is ranked apart, because it has a witness function of its own.
    """
    if min(len(window), len(reference)) < 4:
        return 0.5
    sides = witness(window, reference)
    return float(np.mean([_auc(sides[0][half::2], sides[1][half::2]) for half in (0, 1)]))


def _auc(positive: Floats, negative: Floats) -> float:
    """The probability that a positive is above a negative; ties count as half."""
    ordered = np.sort(negative)
    below = np.searchsorted(ordered, positive, "left") + np.searchsorted(ordered, positive, "right")
    return float(below.mean() / 2 / len(negative))
