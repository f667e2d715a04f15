"""Counts of right and wrong answers at one threshold, and measures of them.

The positive class is spoof: recall is the share of spoofs that are caught.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.errors import InputError
from models.evaluation.metrics.conditions import DEFAULT, Conditions, Floats
from models.evaluation.metrics.eer import eer_threshold


@dataclass(frozen=True)
class Confusion:
    """Trials by true and by predicted class."""

    spoof_as_spoof: int  # true positives
    spoof_as_bonafide: int  # false alarms of the countermeasure, as the field calls them
    bonafide_as_spoof: int  # misses
    bonafide_as_bonafide: int


def confusion(bonafide: Floats, spoof: Floats, conditions: Conditions = DEFAULT) -> Confusion:
    """Counts at the threshold of the conditions, else at the EER threshold."""
    if not bonafide.size or not spoof.size:
        raise InputError("scores of both classes expected, one class is missing")
    threshold = conditions.threshold
    if threshold is None:
        threshold = eer_threshold(bonafide, spoof)
    missed = int(np.count_nonzero(bonafide < threshold))
    accepted = int(np.count_nonzero(spoof >= threshold))
    return Confusion(spoof.size - accepted, accepted, missed, bonafide.size - missed)


def accuracy(bonafide: Floats, spoof: Floats, conditions: Conditions = DEFAULT) -> float:
    """Share of all trials that are answered rightly."""
    counts = confusion(bonafide, spoof, conditions)
    right = counts.spoof_as_spoof + counts.bonafide_as_bonafide
    return right / (bonafide.size + spoof.size)


def precision(bonafide: Floats, spoof: Floats, conditions: Conditions = DEFAULT) -> float | None:
    """Share of trials taken for spoofs that are spoofs; None where none was taken for one."""
    counts = confusion(bonafide, spoof, conditions)
    positives = counts.spoof_as_spoof + counts.bonafide_as_spoof
    return counts.spoof_as_spoof / positives if positives else None


def recall(bonafide: Floats, spoof: Floats, conditions: Conditions = DEFAULT) -> float:
    """Share of spoofs that are taken for spoofs."""
    return confusion(bonafide, spoof, conditions).spoof_as_spoof / spoof.size


def f1(bonafide: Floats, spoof: Floats, conditions: Conditions = DEFAULT) -> float:
    """Harmonic mean of precision and recall; 0 where no spoof is caught."""
    counts = confusion(bonafide, spoof, conditions)
    wrong = counts.spoof_as_bonafide + counts.bonafide_as_spoof
    return 2 * counts.spoof_as_spoof / (2 * counts.spoof_as_spoof + wrong)
