"""Cost of the log-likelihood ratio: how informative and how well calibrated scores are, in bits."""

from __future__ import annotations

import numpy as np

from models.errors import InputError
from models.evaluation.metrics.conditions import DEFAULT, Conditions, Floats


def cllr(bonafide: Floats, spoof: Floats, conditions: Conditions = DEFAULT) -> float:
    """Cllr in bits (Brümmer and du Preez, 2006): 0 perfect, 1 what knowing nothing costs."""
    if not bonafide.size or not spoof.size:
        raise InputError("scores of both classes expected, one class is missing")
    bonafide_cost = np.logaddexp(0.0, -conditions.llr(bonafide)).mean()
    spoof_cost = np.logaddexp(0.0, conditions.llr(spoof)).mean()
    return float((bonafide_cost + spoof_cost) / (2 * np.log(2)))
