"""Whether an operating point is kept where one detector takes another's place.

Each detector has a threshold of its own, on a scale of its own; what has to stay is the share of
bona fide speech that is refused. Trials of one speaker are alike, so that a share is known as well
as speakers, not trials, allow. Intervals are two-sided:

- of a share: Clopper and Pearson's with as many trials as a simple sample of the same variance
  would have (Korn & Graubard 1998, Survey Methodology 24), the variance being that of a ratio of
  sums over clusters (Cochran 1977, section 6.3), with Student's t for their number;
- of a difference: the same variance and Student's t, and never narrower than what no difference in
  so many trials would show.

A threshold fitted on dev carries dev's chance along. With m trials there and n here, both with
clusters of a kind, a share moves about what was set with 1 + n/m times the variance (`dev_trials`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.errors import InputError
from models.scores import Scores

Floats = NDArray[np.float64]
Names = NDArray[np.str_]
Interval = tuple[float, float]


@dataclass(frozen=True)
class Refused:
    """What share (0-1) of bona fide trials a detector refuses below its threshold."""

    threshold: float  # a cm_score
    rate: float
    interval: Interval


@dataclass(frozen=True)
class Transfer:
    """A champion's and a candidate's refusals of the same bona fide trials."""

    candidate: Refused
    champion: Refused | None  # None: there is no champion
    difference: float | None  # candidate - champion
    interval: Interval | None  # of the difference
    target: float | None  # the share that was set; None: the policy sets none
    trials: int  # bona fide
    clusters: int  # of them: speakers, else sources

    @property
    def above_target(self) -> bool:
        """Whether the candidate refuses more than was set, beyond chance."""
        return self.target is not None and self.candidate.interval[0] > self.target

    @property
    def sentence(self) -> str:
        """What is refused, with figures."""
        told = f"{_percent(self.candidate.rate)} of bona fide trials refused"
        low, high = self.candidate.interval
        told += f" ({_percent(low)} to {_percent(high)})"
        if self.champion is not None:
            told += f", the champion refuses {_percent(self.champion.rate)}"
        if self.target is not None:
            told += f", {_percent(self.target)} was set"
        return told


def operating_transfer(
    candidate: Scores,
    threshold: float,
    champion: Scores | None = None,
    champion_threshold: float | None = None,
    *,
    target: float | None = None,
    confidence: float = 0.95,
    dev_trials: int | None = None,
) -> Transfer:
    """What both refuse of one list of trials, each at its own threshold.

    `target` is the share of bona fide trials that may be refused (`CalibrationParams.target`), set
    on `dev_trials` others; None: the thresholds are taken as they are. Raises InputError where the
    lists differ, or hold no bona fide trial.
    """
    if (champion is None) is not (champion_threshold is None):
        raise ValueError("a champion's scores and its threshold belong together")
    missed = (candidate.bonafide < threshold).astype(np.float64)
    if not missed.size:
        raise InputError("operating point: bona fide trials expected, there is none")
    clusters = _clusters(candidate)
    sample = _Sample(clusters, confidence, 1 + missed.size / dev_trials if dev_trials else 1.0)
    ours = Refused(threshold, float(missed.mean()), sample.share(missed))
    count = int(np.unique(clusters).size)
    if champion is None or champion_threshold is None:
        return Transfer(ours, None, None, None, target, missed.size, count)
    known = _beside(candidate, missed, champion, champion_threshold, sample)
    return Transfer(ours, *known, target, missed.size, count)


@dataclass(frozen=True)
class _Sample:
    """Trials that share clusters (trials,), and how sure an interval of their mean is to be."""

    clusters: Names
    confidence: float
    inflation: float  # of the variance

    def share(self, cases: Floats) -> Interval:
        """Interval of the mean of 0s and 1s (trials,)."""
        from scipy.special import betaincinv  # comes with scikit-learn

        share, tail = float(cases.mean()), (1 - self.confidence) / 2
        size = self._simple(cases, share)
        count = share * size
        low = float(betaincinv(count, size - count + 1, tail)) if share > 0 else 0.0
        high = float(betaincinv(count + 1, size - count, 1 - tail)) if share < 1 else 1.0
        return low, high

    def mean(self, values: Floats) -> tuple[float, Interval]:
        """Mean of values (trials,) in ±1, and its interval."""
        mean = float(values.mean())
        variance, degrees = self._variance(values - mean)
        unseen = 1 - (1 - self.confidence) ** (self.inflation / values.size)
        margin = max(self._student(degrees) * variance**0.5, unseen)
        return mean, (max(mean - margin, -1.0), min(mean + margin, 1.0))

    def _simple(self, cases: Floats, share: float) -> float:
        """How many independent trials would tell as much of a share; at most as there are."""
        most = cases.size / self.inflation
        variance, degrees = self._variance(cases - share)
        if (
            variance <= 0
        ):  # no case, or nothing else: nothing tells how alike a cluster's trials are
            return most
        narrower = (self._student(cases.size - 1) / self._student(degrees)) ** 2
        return float(min(share * (1 - share) / variance * narrower, most))

    def _variance(self, deviations: Floats) -> tuple[float, int]:
        """Variance of a mean from deviations (trials,) that sum to 0, and its degrees of freedom.

        The trials of a single cluster count as if each stood alone.
        """
        names, of_trial = np.unique(self.clusters, return_inverse=True)
        if names.size < 2:
            names, of_trial = self.clusters, np.arange(deviations.size)
        sums = np.bincount(of_trial, deviations)
        count = max(int(names.size), 2)
        variance = count / (count - 1) * np.sum(sums**2) / deviations.size**2
        return float(variance * self.inflation), count - 1

    def _student(self, degrees: int) -> float:
        from scipy.special import stdtrit  # comes with scikit-learn

        return float(stdtrit(max(degrees, 1), 0.5 + self.confidence / 2))


def _beside(
    candidate: Scores, missed: Floats, champion: Scores, threshold: float, sample: _Sample
) -> tuple[Refused, float, Interval]:
    """The champion's refusals, and the difference of the candidate's with its interval."""
    if candidate.trials_hash != champion.trials_hash:
        raise InputError(
            f"operating point: one list of trials expected, candidate ({len(candidate.keys):,}) "
            f"and champion ({len(champion.keys):,}) have different ones"
        )
    row = {name: at for at, name in enumerate(champion.utterance_ids)}
    order = [row[name] for name in candidate.utterance_ids]
    theirs = (champion.cm_scores[order][candidate.is_bonafide] < threshold).astype(np.float64)
    refused = Refused(threshold, float(theirs.mean()), sample.share(theirs))
    return refused, *sample.mean(missed - theirs)


def _clusters(scores: Scores) -> Names:
    """What each bona fide trial shares with others."""
    return np.array(scores.clusters)[scores.is_bonafide]


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"
