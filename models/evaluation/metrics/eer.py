"""Equal error rate: the rate at which misses and false alarms are the same share."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.evaluation.metrics.conditions import DEFAULT, Conditions, Floats
from models.evaluation.metrics.curve import ErrorCurve, error_curve

_ROUNDING = 1e-12  # of a rate in float64; rates of real trial lists differ by far more


def eer(bonafide: Floats, spoof: Floats, _conditions: Conditions = DEFAULT) -> float:
    """Equal error rate (0-1) of cm_scores; raises InputError without trials of both classes.

    Where a single trial steps across the balance, the mean of the two rates on the side where they
    are closer (the lower threshold if equally), as the ASVspoof tools do. Where several tied trials
    step across it together, the balance on the straight line between the two sides: the tie broken
    evenly, in no order.
    """
    curve = error_curve(bonafide, spoof)
    after = crossing(curve)
    before = after - 1
    stepped = (
        curve.missed[after] - curve.missed[before] + curve.accepted[before] - curve.accepted[after]
    )
    misses, false_alarms = curve.misses, curve.false_alarms
    return float(
        balanced_rate(
            misses[before], false_alarms[before], misses[after], false_alarms[after], stepped == 1
        )
    )


def eer_threshold(bonafide: Floats, spoof: Floats) -> float:
    """The threshold at which the two rates are closest; accepted as bona fide: >= threshold."""
    curve = error_curve(bonafide, spoof)
    return curve.threshold(closest(curve))


def crossing(curve: ErrorCurve) -> int:
    """The first point (at least 1) at which misses are no fewer than false alarms."""
    # products of counts, not quotients: equal rates must compare as equal
    return int(np.argmax(curve.missed * curve.spoof >= curve.accepted * curve.bonafide))


def closest(curve: ErrorCurve) -> int:
    """The point at which the two rates are closest; the lower threshold where two are equally."""
    after = crossing(curve)
    gaps = np.abs(curve.missed * curve.spoof - curve.accepted * curve.bonafide)
    return after - 1 if gaps[after - 1] <= gaps[after] else after


def balanced_rate(
    miss_before: NDArray[np.float64],
    false_alarm_before: NDArray[np.float64],
    miss_after: NDArray[np.float64],
    false_alarm_after: NDArray[np.float64],
    single: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """EER, of any shape, from the rates on both sides of the balance; see `eer` for the rule."""
    lacking = false_alarm_before - miss_before  # > 0
    exceeding = miss_after - false_alarm_after  # >= 0
    nearer_before = lacking <= exceeding + _ROUNDING
    mean_before = (miss_before + false_alarm_before) / 2
    mean_after = (miss_after + false_alarm_after) / 2
    on_line = miss_before + (miss_after - miss_before) * lacking / (lacking + exceeding)
    return np.where(single, np.where(nearer_before, mean_before, mean_after), on_line)
