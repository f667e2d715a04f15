"""Curves and counts of scores as rows for DVC plots: one dict a point."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from models.evaluation.metrics.curve import ErrorCurve, error_curve
from models.evaluation.metrics.eer import eer_threshold
from models.evaluation.scores import Scores
from models.trials import Label

Row = Mapping[str, float | str]
POINTS = 1000  # of a curve: more than a screen can show
BINS = 60  # of the histogram


def det_curve(scores: Scores) -> list[Row]:
    """Misses over false alarms (0-1), and both as normal deviates, the axes of a DET plot.

    False alarms rise: a plot that sorts by them keeps the order of misses where they are equal.
    """
    curve = error_curve(scores.bonafide, scores.spoof)
    deviate = NormalDist().inv_cdf
    half = 0.5 / max(curve.bonafide, curve.spoof)  # 0 and 1 have no deviate
    rows: list[Row] = []
    for point in _points(curve)[::-1]:
        miss, false_alarm = float(curve.misses[point]), float(curve.false_alarms[point])
        rows.append(
            {
                "false_alarm": false_alarm,
                "miss": miss,
                "false_alarm_deviate": deviate(min(max(false_alarm, half), 1 - half)),
                "miss_deviate": deviate(min(max(miss, half), 1 - half)),
                "threshold": float(curve.thresholds[point]),
            }
        )
    return rows


def roc_curve(scores: Scores) -> list[Row]:
    """Share of spoofs caught over share of bona fide trials rejected (0-1): positive is spoof."""
    curve = error_curve(scores.bonafide, scores.spoof)
    return [
        {
            "false_positive_rate": float(curve.misses[point]),
            "true_positive_rate": 1 - float(curve.false_alarms[point]),
            "threshold": float(curve.thresholds[point]),
        }
        for point in _points(curve)
    ]


def score_histogram(scores: Scores) -> list[Row]:
    """Share (0-1) of each class's trials in bins of equal width; cm_score is a bin's middle."""
    edges = np.histogram_bin_edges(scores.cm_scores, bins=BINS)
    middles = (edges[:-1] + edges[1:]) / 2
    bonafide, spoof = (
        np.histogram(values, bins=edges)[0] / max(values.size, 1)
        for values in (scores.bonafide, scores.spoof)
    )
    return [
        {"cm_score": float(middle), "bonafide": float(real), "spoof": float(fake)}
        for middle, real, fake in zip(middles, bonafide, spoof, strict=True)
    ]


def confusion(scores: Scores, threshold: float | None = None) -> list[Row]:
    """True and predicted class of each trial; DVC's `confusion` template counts them.

    Taken for bona fide at or above the threshold; None: the EER threshold.
    """
    if threshold is None:
        threshold = eer_threshold(scores.bonafide, scores.spoof)
    actual = np.where(scores.is_bonafide, Label.BONAFIDE, Label.SPOOF).tolist()
    predicted = np.where(scores.cm_scores >= threshold, Label.BONAFIDE, Label.SPOOF).tolist()
    return [{"actual": a, "predicted": p} for a, p in zip(actual, predicted, strict=True)]


def _points(curve: ErrorCurve) -> NDArray[np.int64]:
    """At most POINTS points of a curve, evenly far apart along it, its ends among them."""
    length = curve.misses - curve.false_alarms  # rises by every step of either rate
    wanted = np.linspace(length[0], length[-1], POINTS)
    return np.unique(np.searchsorted(length, wanted).clip(max=length.size - 1))
