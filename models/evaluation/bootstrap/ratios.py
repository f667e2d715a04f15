"""Figures that are sums and means over trials: a draw only weighs the sum of each cluster."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.evaluation.bootstrap.draws import Floats, Ints, Statistic, Weights


class ClusterMean:
    """The mean of a quantity over some trials: a rate of misses, a cost …

    `values` (trials,) of the rows, `clusters` (trials,) of the rows, of `count` clusters in all.
    """

    def __init__(self, values: NDArray[np.floating], clusters: Ints, count: int) -> None:
        sums = np.bincount(clusters, values, count)
        sizes = np.bincount(clusters, minlength=count)
        self._parts = np.stack((sums, sizes), axis=1)  # (clusters, 2)

    def __call__(self, weights: Weights) -> Floats:
        """Means (draws,); NaN where a draw holds none of the trials."""
        sums, sizes = (weights @ self._parts).T
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(sums / sizes, dtype=np.float64)


class ClusterSum:
    """Other statistics added up, each with its factor: Cllr is one of two means."""

    def __init__(self, *terms: tuple[float, Statistic]) -> None:
        self._terms = terms

    def __call__(self, weights: Weights) -> Floats:
        """Sums (draws,)."""
        terms = [factor * term(weights) for factor, term in self._terms]
        return np.asarray(np.sum(terms, axis=0), dtype=np.float64)
