"""Whole clusters (speakers, else sources) drawn again with replacement.

A draw is a weight for each cluster, the same one for every system and every figure, so that all
comparisons are paired. Clusters are drawn within their kind (bona fide only, spoof only, both; and
of which lists of trials), so that no draw lacks what the trials hold.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

Ints: TypeAlias = NDArray[np.int64]
Floats: TypeAlias = NDArray[np.float64]
Weights: TypeAlias = NDArray[np.int32]  # (draws, clusters): how often each was drawn
Statistic: TypeAlias = Callable[[Weights], Floats]  # -> (draws,), NaN where it is not defined
Name = TypeVar("Name", bound=Hashable)

WEIGHTS_AT_ONCE = 2**21  # 8 MiB of weights; more leave the processor's cache
DRAWS_AT_ONCE = 128


@dataclass(frozen=True)
class TrialList:
    """The class and the cluster of each trial, the same for all systems."""

    is_bonafide: NDArray[np.bool_]  # (trials,)
    clusters: Ints  # (trials,), 0 … number of clusters - 1
    parts: Ints | None = None  # (trials,), 0 … 30: which list of several it came from; None: one

    @property
    def count(self) -> int:
        """How many clusters there are."""
        return int(self.clusters.max()) + 1

    def kinds(self) -> list[Ints]:
        """The clusters that hold trials of the same classes and parts, kind by kind."""
        part = np.zeros_like(self.clusters) if self.parts is None else self.parts
        held = np.zeros(self.count, dtype=np.int64)
        np.bitwise_or.at(held, self.clusters, 1 << (2 * part + self.is_bonafide))
        return [np.flatnonzero(held == kind) for kind in np.unique(held)]


def resample(
    trials: TrialList, statistics: Mapping[Name, Statistic], resamples: int, seed: int
) -> dict[Name, Floats]:
    """Each statistic (resamples,) on the same draws. The same seed gives the same draws."""
    values = {name: np.empty(resamples) for name in statistics}
    done = 0
    for weights in draw_weights(trials, resamples, np.random.default_rng(seed)):
        block = slice(done, done + len(weights))
        for name, statistic in statistics.items():
            values[name][block] = statistic(weights)
        done = block.stop
    return values


def draw_weights(
    trials: TrialList, resamples: int, random: np.random.Generator
) -> Iterator[Weights]:
    """How often each cluster was drawn (draws, clusters), block by block; kinds apart."""
    count, kinds = trials.count, trials.kinds()
    at_once = min(max(WEIGHTS_AT_ONCE // count, 1), DRAWS_AT_ONCE)
    for start in range(0, resamples, at_once):
        draws = min(at_once, resamples - start)
        weights = np.empty((draws, count), dtype=np.int32)
        for members in kinds:
            size = members.size
            drawn = random.integers(size, size=(draws, size), dtype=np.int32)
            cells = (drawn + size * np.arange(draws)[:, None]).ravel()
            weights[:, members] = np.bincount(cells, minlength=draws * size).reshape(draws, size)
        yield weights
