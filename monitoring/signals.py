"""The quantities that are watched, and what of each a window is compared with."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from models.audio.acoustics import ACOUSTICS
from models.evaluation.sketch import SKETCH_COLUMNS
from models.params.drift import DriftParams

if TYPE_CHECKING:
    from pandas import DataFrame

FEATURE_DISTANCE = 0.5  # in standard deviations of the reference


class Kind(StrEnum):
    """What a signal says something about, and so which threshold it has."""

    SCORE = "score"
    FEATURE = "feature"
    EMBEDDING = "embedding"


@dataclass(frozen=True, slots=True)
class Signal:
    """One watched column."""

    name: str
    kind: Kind

    def threshold(self, params: DriftParams) -> float:
        """The distance from which on it counts as moved."""
        if self.kind is Kind.FEATURE:
            return FEATURE_DISTANCE
        return params.score_distance if self.kind is Kind.SCORE else params.embedding_distance


SIGNALS: tuple[Signal, ...] = (
    Signal("cm_score", Kind.SCORE),
    Signal("embedding_distance", Kind.EMBEDDING),
    *(Signal(name, Kind.FEATURE) for name in ACOUSTICS),
)


def comparable(current: DataFrame, reference: DataFrame) -> tuple[DataFrame, DataFrame]:
    """Both sides reduced to the signals that both have values of, the embedding's added.

    A value that is missing or not finite is left out alone: Evidently raises on an empty column.
    """
    current, reference = _finite(current), _finite(reference)
    names = [s.name for s in SIGNALS if _has_values(current, reference, s.name)]
    window, expected = current[names].copy(), reference[names].copy()
    axes = [name for name in SKETCH_COLUMNS if _has_values(current, reference, name)]
    known, trials = current[axes].dropna(), reference[axes].dropna()
    if axes and len(known) and len(trials):
        carried = carried_distance(known.to_numpy(), trials.to_numpy())
        window.loc[known.index, "embedding_distance"] = carried
        expected["embedding_distance"] = 0.0  # from itself
    return window, expected


def carried_distance(
    current: NDArray[np.float64], reference: NDArray[np.float64]
) -> NDArray[np.float64]:
    """How far each sketch (n, axes) is carried, (n,), when the window is turned into the reference.

    Along each axis the optimal transport pairs equal ranks; distances are in the reference's
    standard deviations and averaged over the axes. Their mean over the window is the sliced
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


def _has_values(current: DataFrame, reference: DataFrame, name: str) -> bool:
    return all(name in side and side[name].notna().any() for side in (current, reference))
