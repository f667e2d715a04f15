"""Error rates of live traffic from a sample that was drawn with known probabilities.

Each trial stands for 1/p of its like (Horvitz & Thompson 1952); a rate is a ratio of two such sums
(Hájek). Intervals are of the bootstrap over clusters, as calls of one caller are alike; where each
trial is a cluster of its own with the same weight, a rate's is Wilson's (1927), which is good at
rates near 0. Where no error, or nothing else, was drawn, a bootstrap has no width: the interval is
Wilson's then, for as many trials as there are clusters.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class LiveTrial:
    """A labelled call of the sample."""

    cm_score: float
    accepted: bool  # as bona fide, at the threshold of its time
    bonafide: bool  # what it is, by its reviewers
    probability: float  # with which it was drawn
    cluster: str


@dataclass(frozen=True)
class LiveRate:
    """A rate (0-1) with its interval."""

    value: float
    low: float
    high: float
    trials: int  # of the class, or of both
    errors: int


@dataclass(frozen=True)
class LiveRates:
    """Rates of one version; None where no trial of the class was labelled."""

    miss: LiveRate | None  # bona fide refused
    false_alarm: LiveRate | None  # spoofs accepted
    eer: LiveRate | None


@dataclass(frozen=True)
class _Arrays:
    scores: Floats
    accepted: NDArray[np.bool_]
    bonafide: NDArray[np.bool_]
    weights: Floats
    clusters: NDArray[np.int64]  # 0 … number - 1


def live_rates(
    trials: Sequence[LiveTrial], confidence: float, resamples: int, seed: int
) -> LiveRates:
    """Miss rate, false-alarm rate and EER, each with an interval of `confidence`."""
    if not trials:
        return LiveRates(None, None, None)
    arrays = _arrays(trials)
    return LiveRates(
        miss=_class_rate(arrays, True, confidence, resamples, seed),
        false_alarm=_class_rate(arrays, False, confidence, resamples, seed),
        eer=_eer_rate(arrays, confidence, resamples, seed),
    )


def wilson(errors: float, trials: float, confidence: float) -> tuple[float, float]:
    """Wilson's score interval of a share; (0, 1) without trials."""
    if trials == 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    share = errors / trials
    middle = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z / (1 + z * z / trials)
    half *= math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    return max(middle - half, 0.0), min(middle + half, 1.0)


def weighted_eer(scores: Floats, bonafide: NDArray[np.bool_], weights: Floats) -> float:
    """The rate at which weighted misses and false alarms are equal, between two scores their mean.

    NaN without weight in either class.
    """
    order = np.argsort(scores, kind="stable")
    ordered, is_bonafide, weight = scores[order], bonafide[order], weights[order]
    last_of_ties = np.append(np.diff(ordered) > 0, True)
    missed = np.cumsum(np.where(is_bonafide, weight, 0.0))
    refused = np.cumsum(np.where(is_bonafide, 0.0, weight))
    if missed[-1] == 0 or refused[-1] == 0:
        return math.nan
    misses = np.append(0.0, (missed / missed[-1])[last_of_ties])
    false_alarms = np.append(1.0, (1 - refused / refused[-1])[last_of_ties])
    after = int(np.argmax(misses >= false_alarms))
    gaps = np.abs(misses - false_alarms)
    at = after - 1 if gaps[after - 1] <= gaps[after] else after
    return float((misses[at] + false_alarms[at]) / 2)


def _arrays(trials: Sequence[LiveTrial]) -> _Arrays:
    names = [trial.cluster for trial in trials]
    return _Arrays(
        scores=np.array([trial.cm_score for trial in trials], dtype=np.float64),
        accepted=np.array([trial.accepted for trial in trials], dtype=np.bool_),
        bonafide=np.array([trial.bonafide for trial in trials], dtype=np.bool_),
        weights=np.array([1.0 / trial.probability for trial in trials], dtype=np.float64),
        clusters=np.unique(names, return_inverse=True)[1].astype(np.int64),
    )


def _class_rate(
    arrays: _Arrays, bonafide: bool, confidence: float, resamples: int, seed: int
) -> LiveRate | None:
    of_class = arrays.bonafide == bonafide
    errs = (arrays.accepted != bonafide)[of_class]
    trials = int(of_class.sum())
    if not trials:
        return None
    weights = arrays.weights[of_class]
    clusters = np.unique(arrays.clusters[of_class], return_inverse=True)[1]
    count, errors = int(clusters.max()) + 1, int(errs.sum())
    value = float(weights[errs].sum() / weights.sum())
    is_simple = count == trials and bool(np.all(weights == weights[0]))
    if is_simple or errors in (0, trials):
        low, high = wilson(value * count, count, confidence)
    else:
        wrong = np.bincount(clusters, np.where(errs, weights, 0.0), count)
        whole = np.bincount(clusters, weights, count)
        drawn = _draws(count, resamples, seed)
        low, high = _percentiles((drawn @ wrong) / (drawn @ whole), confidence)
    return LiveRate(value, low, high, trials, errors)


def _eer_rate(arrays: _Arrays, confidence: float, resamples: int, seed: int) -> LiveRate | None:
    value = weighted_eer(arrays.scores, arrays.bonafide, arrays.weights)
    if math.isnan(value):
        return None
    count = int(arrays.clusters.max()) + 1
    values = np.array(
        [
            weighted_eer(arrays.scores, arrays.bonafide, arrays.weights * drawn[arrays.clusters])
            for drawn in _draws(count, resamples, seed)
        ]
    )
    low, high = _percentiles(values[~np.isnan(values)], confidence)
    errors = int((arrays.accepted != arrays.bonafide).sum())
    return LiveRate(value, min(low, value), max(high, value), len(arrays.scores), errors)


def _draws(count: int, resamples: int, seed: int) -> Floats:
    """How often each cluster is drawn, (resamples, clusters)."""
    rng = np.random.default_rng(seed)
    shares = np.full(count, 1.0 / count)
    return rng.multinomial(count, shares, size=resamples).astype(np.float64)


def _percentiles(values: Floats, confidence: float) -> tuple[float, float]:
    tail = (1.0 - confidence) / 2
    low, high = np.quantile(values[np.isfinite(values)], [tail, 1.0 - tail])
    return float(low), float(high)
