"""How far EERs would move if other speakers had been recorded: a paired clustered bootstrap.

Whole clusters (speakers, else sources) are drawn again with replacement, the same ones for every
system, and each EER is found anew. Clusters are drawn within their kind (bona fide only, spoof
only, both), so that no draw lacks a class.

Nothing is sorted twice. A draw is a weight for each cluster; in score order, running sums of the
trials' weights are the error counts at every threshold, and the balance is found by bisection.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.metrics.eer import balanced_rate

Ints = NDArray[np.int64]
Weights = NDArray[np.int32]  # how often each cluster, or trial, was drawn
DRAWS_AT_ONCE = 16  # more running sums than this leave the processor's cache


@dataclass(frozen=True)
class TrialList:
    """What all systems share: the trials, and the groups of spoofs whose EER is asked for."""

    is_bonafide: NDArray[np.bool_]  # (trials,)
    clusters: Ints  # (trials,), 0 … number of clusters - 1
    spoof_groups: Mapping[
        str, Ints
    ]  # name -> rows of its spoofs; each is set against all bona fide


def resample_eers(
    systems: Sequence[NDArray[np.float64]], trials: TrialList, resamples: int, seed: int
) -> dict[str, NDArray[np.float64]]:
    """EERs (systems, resamples) of each group, for the cm_scores (trials,) of each system.

    NaN where a draw holds none of a group's spoofs. The same seed gives the same draws.
    """
    ranked = [_rank(cm_scores, trials) for cm_scores in systems]
    eers = {name: np.empty((len(systems), resamples)) for name in trials.spoof_groups}
    done = 0
    for weights in draw_weights(trials, resamples, np.random.default_rng(seed)):
        block = slice(done, done + len(weights))
        for nth, system in enumerate(ranked):
            for name, values in system.eers(weights).items():
                eers[name][nth, block] = values
        done = block.stop
    return eers


def draw_weights(
    trials: TrialList, resamples: int, random: np.random.Generator
) -> Iterator[Weights]:
    """How often each cluster was drawn (draws, clusters), block by block; kinds apart."""
    count = int(trials.clusters.max()) + 1
    has_bonafide = np.bincount(trials.clusters, trials.is_bonafide, count) > 0
    has_spoof = np.bincount(trials.clusters, ~trials.is_bonafide, count) > 0
    kinds = has_bonafide + 2 * has_spoof
    members = [np.flatnonzero(kinds == kind) for kind in (1, 2, 3)]
    for start in range(0, resamples, DRAWS_AT_ONCE):
        weights = np.zeros((min(DRAWS_AT_ONCE, resamples - start), count), dtype=np.int32)
        for row in weights:
            for group in members:
                drawn = random.integers(max(group.size, 1), size=group.size)
                row[group] = np.bincount(drawn, minlength=group.size)
        yield weights


@dataclass(frozen=True)
class _Group:
    """The spoofs of one group in score order, and the curve they make with the bona fide trials."""

    clusters: Ints  # (spoofs,) in score order
    bonafide_below: Ints  # (points,) bona fide trials below each threshold
    spoof_below: Ints  # (points,) spoofs of the group below each threshold

    def eers(self, bonafide: Weights, weights: Weights) -> NDArray[np.float64]:
        """EERs (draws,) from running sums of bona fide weights (draws, 1 + bona fide trials)."""
        spoof = _running_sums(weights, self.clusters)
        drawn = np.arange(len(weights))
        totals = bonafide[:, -1].astype(np.int64), spoof[:, -1].astype(np.int64)

        def errors(points: Ints) -> tuple[Ints, Ints]:
            missed = bonafide[drawn, self.bonafide_below[points]].astype(np.int64)
            return missed, totals[1] - spoof[drawn, self.spoof_below[points]]

        after = np.full(len(weights), self.bonafide_below.size - 1)
        before = np.zeros(len(weights), dtype=np.int64)
        while (after - before > 1).any():  # errors(before): fewer misses; errors(after): no fewer
            middle = (before + after) // 2
            missed, accepted = errors(middle)
            balanced = missed * totals[1] >= accepted * totals[0]
            after, before = np.where(balanced, middle, after), np.where(balanced, before, middle)
        return _eers(errors(before), errors(after), totals)


@dataclass(frozen=True)
class _Ranked:
    """One system's trials in the order of its scores."""

    bonafide_clusters: Ints  # (bona fide trials,) in score order
    groups: Mapping[str, _Group]

    def eers(self, weights: Weights) -> dict[str, NDArray[np.float64]]:
        """EERs (draws,) of every group."""
        bonafide = _running_sums(weights, self.bonafide_clusters)
        return {name: group.eers(bonafide, weights) for name, group in self.groups.items()}


def _rank(cm_scores: NDArray[np.float64], trials: TrialList) -> _Ranked:
    bonafide = _in_order(cm_scores, np.flatnonzero(trials.is_bonafide))
    groups = {}
    for name, rows in trials.spoof_groups.items():
        spoof = _in_order(cm_scores, rows)
        # tied scores share one threshold; the last is above all of them
        thresholds = np.append(np.unique(cm_scores[np.concatenate((bonafide, spoof))]), np.inf)
        groups[name] = _Group(
            trials.clusters[spoof],
            np.searchsorted(cm_scores[bonafide], thresholds),
            np.searchsorted(cm_scores[spoof], thresholds),
        )
    return _Ranked(trials.clusters[bonafide], groups)


def _in_order(cm_scores: NDArray[np.float64], rows: Ints) -> Ints:
    return rows[np.argsort(cm_scores[rows], kind="stable")]


def _running_sums(weights: Weights, clusters: Ints) -> Weights:
    """Weight drawn below each position (draws, 1 + trials) of trials in score order."""
    sums = np.zeros((len(weights), clusters.size + 1), dtype=np.int32)
    np.cumsum(weights[:, clusters], axis=1, out=sums[:, 1:])
    return sums


def _eers(
    before: tuple[Ints, Ints], after: tuple[Ints, Ints], totals: tuple[Ints, Ints]
) -> NDArray[np.float64]:
    """EERs (draws,) from (missed, accepted) on both sides of the balance, as `eer` finds them."""
    bonafide = np.maximum(totals[0], 1)
    spoof = np.maximum(totals[1], 1)
    stepped = after[0] - before[0] + before[1] - after[1]
    with np.errstate(invalid="ignore"):  # a draw without a class has no balance: NaN
        rates = balanced_rate(
            before[0] / bonafide,
            before[1] / spoof,
            after[0] / bonafide,
            after[1] / spoof,
            stepped == 1,
        )
    return np.where((totals[0] > 0) & (totals[1] > 0), rates, np.nan)
