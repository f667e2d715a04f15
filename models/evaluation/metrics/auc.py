"""Area under the ROC curve: how often a bona fide trial scores above a spoof."""

from __future__ import annotations

import numpy as np

from models.evaluation.metrics.conditions import DEFAULT, Conditions, Floats
from models.evaluation.metrics.curve import error_curve


def auc(bonafide: Floats, spoof: Floats, _conditions: Conditions = DEFAULT) -> float:
    """Area (0-1) under the ROC curve; tied pairs count half, so that a constant gives 0.5."""
    curve = error_curve(bonafide, spoof)
    # false alarms fall along the curve: its area is walked backwards
    return float(-np.trapezoid(1 - curve.misses, curve.false_alarms))
