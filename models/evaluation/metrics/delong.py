"""DeLong's test: is the AUC of one detector larger than that of another on the same trials?

E. R. DeLong, D. M. DeLong and D. L. Clarke-Pearson, "Comparing the areas under two or more
correlated receiver operating characteristic curves", Biometrics 44 (1988); the placements are
found from midranks as in X. Sun and W. Xu, "Fast implementation of DeLong's algorithm", IEEE
Signal Processing Letters 21 (2014). It takes trials for independent: speakers are not clustered.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from models.errors import InputError
from models.evaluation.metrics.conditions import Floats


@dataclass(frozen=True)
class AucDifference:
    """The AUCs of two detectors on the same trials, taken for independent ones."""

    champion: float
    candidate: float
    difference: float  # candidate − champion: above zero, the candidate is better
    deviation: float  # standard deviation of the difference
    p: float  # two-sided; 1 where the difference has no spread and is zero


def auc_difference(
    champion: tuple[Floats, Floats], candidate: tuple[Floats, Floats]
) -> AucDifference:
    """Compare (bona fide cm_scores, spoof cm_scores), in the same order of trials.

    Raises InputError where a class has fewer than two trials.
    """
    bonafide, spoof = champion[0].size, champion[1].size
    if min(bonafide, spoof) < 2:
        raise InputError(
            f"two trials of each class expected, found {bonafide} bona fide and {spoof} spoofs"
        )
    placements = [_placements(*scores) for scores in (champion, candidate)]
    by_champion, by_candidate = (float(of_bonafide.mean()) for of_bonafide, _ in placements)
    variance = sum(
        float(np.var(candidates - champions, ddof=1)) / champions.size
        for champions, candidates in zip(*placements, strict=True)
    )
    difference, deviation = by_candidate - by_champion, math.sqrt(variance)
    return AucDifference(
        by_champion, by_candidate, difference, deviation, _p(difference, deviation)
    )


def _placements(bonafide: Floats, spoof: Floats) -> tuple[Floats, Floats]:
    """Share of the other class that each bona fide trial, and each spoof, is on the right side of.

    A trial's midrank among all, less that within its own class, counts the others below it; a tie
    counts half.
    """
    ranks = _midranks(np.concatenate((bonafide, spoof)))
    below = ranks[: bonafide.size] - _midranks(bonafide)  # spoofs below each bona fide trial
    above = bonafide.size - (ranks[bonafide.size :] - _midranks(spoof))
    return below / spoof.size, above / bonafide.size


def _midranks(values: Floats) -> Floats:
    """Ranks (values,) from 1 on; tied values share their mean rank."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[places], dtype=np.float64)


def _p(difference: float, deviation: float) -> float:
    if deviation == 0.0:
        return 1.0 if difference == 0.0 else 0.0
    return math.erfc(abs(difference) / deviation / math.sqrt(2))
