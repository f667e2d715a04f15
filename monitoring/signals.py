"""The monitored quantities, and the columns that are compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from models.audio.acoustics import ACOUSTICS
from models.evaluation.sketch import SKETCH_COLUMNS
from models.params.drift import DriftParams

if TYPE_CHECKING:
    from pandas import DataFrame, Series

SMALLEST_SPREAD = 0.001  # Evidently's divisor is at least that
SMALLEST_THRESHOLD = 0.1  # below it, the bounds would cut into the reference itself
FEATURE_DISTANCE = 0.5  # in standard deviations of the reference
SAME = 64  # units in the last place within which the values of a column are one value


class Kind(StrEnum):
    """The kind of a signal, which selects its threshold."""

    SCORE = "score"
    FEATURE = "feature"
    EMBEDDING = "embedding"


@dataclass(frozen=True, slots=True)
class Signal:
    """One monitored column."""

    name: str
    kind: Kind

    def threshold(self, params: DriftParams) -> float:
        """The distance from which it counts as moved."""
        if self.kind is Kind.FEATURE:
            return FEATURE_DISTANCE
        return params.score_distance if self.kind is Kind.SCORE else params.embedding_distance


SIGNALS: tuple[Signal, ...] = (
    Signal("cm_score", Kind.SCORE),
    Signal("embedding_distance", Kind.EMBEDDING),
    *(Signal(name, Kind.FEATURE) for name in ACOUSTICS),
)


def comparable(
    current: DataFrame, reference: DataFrame, params: DriftParams
) -> tuple[DataFrame, DataFrame]:
    """Both sides with the signals that both have values of, plus the embedding distance.

    Missing and non-finite values are left out one by one; a column without values is left out,
    because Evidently raises on it. Values far from the reference are brought as near as a single
    one of them can no longer move a distance to its threshold.
    """
    current, reference = _finite(current), _finite(reference)
    names = [s.name for s in SIGNALS if _has_values(current, reference, s.name)]
    axes = [name for name in SKETCH_COLUMNS if _has_values(current, reference, name)]
    thresholds = {signal.name: signal.threshold(params) for signal in SIGNALS}
    for name in (*names, *axes):
        threshold = thresholds.get(name, params.embedding_distance)
        lowest, highest = value_bounds(reference[name], threshold, len(current))
        current[name] = current[name].clip(lowest, highest)
        reference[name] = reference[name].clip(lowest, highest)
    window, expected = current[names].copy(), reference[names].copy()
    for sides in ((window, expected), (window,), (expected,)):
        for name in names:
            _level(sides, name)
    sketches, trials = current[axes].dropna(), reference[axes].dropna()
    if axes and len(sketches) and len(trials):
        distances = transport_distance(sketches.to_numpy(), trials.to_numpy())
        window.loc[sketches.index, "embedding_distance"] = distances
        expected["embedding_distance"] = 0.0  # the reference's distance to itself
    return window, expected


def value_bounds(reference: Series[float], threshold: float, rows: int) -> tuple[float, float]:
    """The lowest and highest value that count in a window of so many rows.

    A value that moves from one bound to the other moves the Wasserstein distance by their
    difference over the rows: half of the threshold, in standard deviations of the reference. They
    are estimated from its quartiles, which one absurd value in the reference does not move.
    """
    low, middle, high = reference.quantile([0.25, 0.5, 0.75])
    spread = (high - low) / 1.349 or float(reference.std(ddof=0)) or SMALLEST_SPREAD
    reach = max(threshold, SMALLEST_THRESHOLD) * rows / 4 * max(spread, SMALLEST_SPREAD)
    return float(middle - reach), float(middle + reach)


def transport_distance(
    current: NDArray[np.float64], reference: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The transport distance (n,) of each sketch (n, axes) from the window to the reference.

    Along each axis, optimal transport pairs equal ranks; distances are in the reference's standard
    deviations and averaged over the axes. Their mean over the window is the sliced
    Wasserstein distance (Bonneel et al. 2015) of the two samples.
    """
    spread = reference.std(axis=0)
    spread[spread == 0] = 1.0
    ranks = current.argsort(axis=0, kind="stable").argsort(axis=0, kind="stable")  # (n, axes)
    shares = (np.arange(len(current)) + 0.5) / len(current)
    targets = np.quantile(reference, shares, axis=0)  # (n, axes), ascending
    paired = np.take_along_axis(targets, ranks, axis=0)
    return np.asarray((np.abs(current - paired) / spread).mean(axis=1))


def _finite(frame: DataFrame) -> DataFrame:
    return frame.replace([np.inf, -np.inf], np.nan).reset_index(drop=True)


def _level(sides: Sequence[DataFrame], name: str) -> None:
    """Give a column one value where its values differ by rounding alone.

    A histogram of such a column has no room for its bins.
    """
    low = min(side[name].min() for side in sides)
    high = max(side[name].max() for side in sides)
    if low < high and high - low <= SAME * np.spacing(max(abs(low), abs(high))):
        for side in sides:
            side[name] = side[name].where(side[name].isna(), low)


def _has_values(current: DataFrame, reference: DataFrame, name: str) -> bool:
    return all(name in side and side[name].notna().any() for side in (current, reference))
