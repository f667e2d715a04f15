"""The EER of every draw, exactly, and without sorting twice.

In score order, running sums of the trials' weights are the error counts at every threshold, and
the balance is found by bisection. The balance of all draws lies in a short stretch of thresholds:
a few draws tell where, below it one sum for each cluster is enough, and only a draw whose balance
lies elsewhere is run through from end to end.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.evaluation.bootstrap.draws import Floats, Ints, TrialList, Weights, draw_weights
from models.evaluation.metrics.eer import balanced_rate

PILOTS = 24  # draws that tell where the balance lies
ENOUGH = 8_192  # trials; for fewer the whole curve is as fast
SUMS_AT_ONCE = 2**17  # more leave the processor's cache


class ResampledEer:
    """The EER of one system: spoofs in `spoofs` against bona fide trials in `bonafide` (rows)."""

    def __init__(self, cm_scores: Floats, trials: TrialList, bonafide: Ints, spoofs: Ints) -> None:
        curve = _Curve.of(cm_scores, trials, bonafide, spoofs)
        self._whole = curve.stretch(0, curve.last)
        self._short = self._whole
        if bonafide.size + spoofs.size > ENOUGH:
            self._short = curve.stretch(*_balances(self._whole, curve.last, trials))

    def __call__(self, weights: Weights) -> Floats:
        """EERs (draws,); NaN where a draw lacks a class."""
        eers, inside = self._short.eers(weights)
        if not inside.all():
            eers[~inside] = self._whole.eers(weights[~inside])[0]
        return eers


def _balances(whole: _Stretch, last: int, trials: TrialList) -> tuple[int, int]:
    """The points between which the balance of pilot draws lies, with as much room on each side."""
    balances = np.concatenate(
        [
            whole.balance(weights, *whole.counts(weights))
            for weights in draw_weights(trials, PILOTS, np.random.default_rng(0))
        ]
    )
    low, high = int(balances.min()), int(balances.max())
    room = high - low + last // 100 + 1
    return max(low - room, 0), min(high + room, last)


@dataclass(frozen=True)
class _Curve:
    """The trials in score order, and how many lie below each distinct threshold."""

    bonafide: Ints  # (bona fide trials,) clusters in score order
    spoof: Ints  # (spoofs,) clusters in score order
    bonafide_below: Ints  # (points,)
    spoof_below: Ints  # (points,)
    count: int  # of clusters

    @classmethod
    def of(cls, cm_scores: Floats, trials: TrialList, bonafide: Ints, spoofs: Ints) -> _Curve:
        bonafide, spoofs = (
            rows[np.argsort(cm_scores[rows], kind="stable")] for rows in (bonafide, spoofs)
        )
        # tied scores share one threshold; the last is above all of them
        both = np.concatenate((bonafide, spoofs))
        thresholds = np.append(np.unique(cm_scores[both]), np.inf)
        return cls(
            trials.clusters[bonafide],
            trials.clusters[spoofs],
            np.searchsorted(cm_scores[bonafide], thresholds),
            np.searchsorted(cm_scores[spoofs], thresholds),
            trials.count,
        )

    @property
    def last(self) -> int:
        return self.bonafide_below.size - 1

    def stretch(self, first: int, last: int) -> _Stretch:
        """The part of the curve from one point to another."""
        bonafide = slice(self.bonafide_below[first], self.bonafide_below[last])
        spoof = slice(self.spoof_below[first], self.spoof_below[last])
        sizes = (
            self.bonafide[: bonafide.start],
            self.spoof[: spoof.start],
            self.bonafide,
            self.spoof,
        )
        return _Stretch(
            self.bonafide[bonafide],
            self.spoof[spoof],
            self.bonafide_below[first : last + 1] - bonafide.start,
            self.spoof_below[first : last + 1] - spoof.start,
            np.stack([np.bincount(c, minlength=self.count) for c in sizes], 1).astype(np.float64),
            (first == 0, last == self.last),
        )


@dataclass(frozen=True)
class _Stretch:
    """Some points of a curve: running sums inside it, one sum for each cluster below it."""

    bonafide: Ints  # clusters of the trials inside, in score order
    spoof: Ints
    bonafide_below: Ints  # (points,) trials inside and below each threshold
    spoof_below: Ints
    sizes: Floats  # (clusters, 4): bona fide and spoofs below the stretch, and in all
    is_end: tuple[bool, bool]  # whether it begins or ends where the curve does

    def counts(self, weights: Weights) -> tuple[_Errors, Ints, Ints]:
        """Error counts at every point, and bona fide trials and spoofs in all (draws,)."""
        below_bonafide, below_spoof, bonafide, spoof = (
            np.rint(weights @ self.sizes).astype(np.int64).T
        )
        errors = _Errors(
            _running_sums(weights, self.bonafide),
            _running_sums(weights, self.spoof),
            below_bonafide,
            spoof - below_spoof,
            self,
        )
        return errors, bonafide, spoof

    def balance(self, weights: Weights, errors: _Errors, bonafide: Ints, spoof: Ints) -> Ints:
        """The first point (draws,), at least 1, at which misses are no fewer than false alarms."""
        after = np.full(len(weights), self.bonafide_below.size - 1)
        before = np.zeros(len(weights), dtype=np.int64)
        while (after - before > 1).any():  # at `before` misses are fewer, at `after` they are not
            middle = (before + after) // 2
            missed, accepted = errors.at(middle)
            balanced = missed * spoof >= accepted * bonafide
            after, before = np.where(balanced, middle, after), np.where(balanced, before, middle)
        return after

    def eers(self, weights: Weights) -> tuple[Floats, np.ndarray[tuple[int], np.dtype[np.bool_]]]:
        """EERs (draws,), and for which draws (draws,) the balance lies inside the stretch."""
        errors, bonafide, spoof = self.counts(weights)
        after = self.balance(weights, errors, bonafide, spoof)
        sides = errors.at(after - 1), errors.at(after)
        lacking, exceeding = (missed * spoof - accepted * bonafide for missed, accepted in sides)
        inside = (lacking < 0) | self.is_end[0]
        inside &= (exceeding >= 0) | self.is_end[1]
        return _eers(*sides, bonafide, spoof), inside


@dataclass(frozen=True)
class _Errors:
    """Running sums (draws, 1 + trials) of one block of draws."""

    bonafide: Weights
    spoof: Weights
    missed_before: Ints  # (draws,) below the stretch
    accepted_after: Ints  # (draws,) from its first point on
    stretch: _Stretch

    def at(self, points: Ints) -> tuple[Ints, Ints]:
        """(missed, accepted), each (draws,), at a point of each draw."""
        draws = np.arange(points.size)
        missed = self.bonafide[draws, self.stretch.bonafide_below[points]]
        rejected = self.spoof[draws, self.stretch.spoof_below[points]]
        return self.missed_before + missed, self.accepted_after - rejected


def _running_sums(weights: Weights, clusters: Ints) -> Weights:
    """Weight drawn below each position (draws, 1 + trials) of trials in score order."""
    sums = np.zeros((len(weights), clusters.size + 1), dtype=np.int32)
    at_once = max(SUMS_AT_ONCE // sums.shape[1], 1)
    for start in range(0, len(weights), at_once):
        rows = slice(start, start + at_once)
        np.cumsum(weights[rows][:, clusters], axis=1, out=sums[rows, 1:])
    return sums


def _eers(
    before: tuple[Ints, Ints], after: tuple[Ints, Ints], bonafide: Ints, spoof: Ints
) -> Floats:
    """EERs (draws,) from (missed, accepted) on both sides of the balance, as `eer` finds them."""
    stepped = after[0] - before[0] + before[1] - after[1]
    totals = np.maximum(bonafide, 1), np.maximum(spoof, 1)
    with np.errstate(invalid="ignore"):  # a draw without a class has no balance: NaN
        rates = balanced_rate(
            before[0] / totals[0],
            before[1] / totals[1],
            after[0] / totals[0],
            after[1] / totals[1],
            stepped == 1,
        )
    return np.where((bonafide > 0) & (spoof > 0), rates, np.nan)
