"""Where the threshold of the verdict is put: one function for each policy of `calibration`.

    eer        misses and false alarms of dev are the same share
    min_dcf    the detection cost of dev is lowest
    miss_rate  as high as it goes while dev loses no more bona fide trials than was asked for
    min_cost   Bayes' threshold of the calibrated scores, from `evaluation`'s prior and costs

A trial is accepted as bona fide at or above the threshold.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from models.evaluation.metrics.curve import error_curve
from models.evaluation.metrics.dcf import bayes_threshold, min_dcf_threshold
from models.evaluation.metrics.eer import eer_threshold
from models.evaluation.scores import Scores
from models.params.calibration import CalibrationParams
from models.params.evaluation import EvaluationParams
from models.tables import OPERATING_POINTS as PLACES
from models.tables import LazyTable

Affine = tuple[float, float]  # slope and intercept of the log-likelihood ratio
Policy = Callable[[Scores, CalibrationParams, EvaluationParams, Affine], float]

LEVEL = 0.05  # of the bound that is told where a rate is too low for the trials
_ROUNDING = 1e-9  # of a number of trials: 0.01 of 100 is 1

_log = logging.getLogger(__name__)


def operating_threshold(
    scores: Scores, params: CalibrationParams, evaluation: EvaluationParams, affine: Affine
) -> float:
    """The threshold, a cm_score, that `params.operating_point` puts on the scores of dev."""
    return OPERATING_POINTS[params.operating_point](scores, params, evaluation, affine)


def miss_rate_threshold(
    bonafide: NDArray[np.float64], spoof: NDArray[np.float64], rate: float
) -> float:
    """The highest threshold that refuses no more than a share (0-1) of bona fide cm_scores.

    Tied scores are refused together or not at all. Raises InputError where a class is missing.
    """
    curve = error_curve(bonafide, spoof)
    allowed = np.floor(rate * curve.bonafide + _ROUNDING)
    return curve.threshold(int(np.searchsorted(curve.missed, allowed, side="right")) - 1)


def too_few_for(rate: float, trials: int) -> str | None:
    """Why a rate is too low for a number of bona fide trials, in one sentence; None: it is not."""
    if rate * trials >= 1 - _ROUNDING:
        return None
    bound = 1 - LEVEL ** (1 / trials)  # of a rate of which no case was seen
    return (
        f"calibration.miss_rate: {rate:g} is less than one of the {trials:,} bona fide trials of "
        f"dev, so none of them is refused, which shows no more than a rate below {bound:.2g}"
    )


def equal_errors(scores: Scores, _p: CalibrationParams, _e: EvaluationParams, _a: Affine) -> float:
    """Misses and false alarms of dev are the same share."""
    return eer_threshold(scores.bonafide, scores.spoof)


def lowest_dcf(
    scores: Scores, _p: CalibrationParams, evaluation: EvaluationParams, _a: Affine
) -> float:
    """The detection cost of dev is lowest."""
    return min_dcf_threshold(scores.bonafide, scores.spoof, evaluation)


def given_miss_rate(
    scores: Scores, params: CalibrationParams, _e: EvaluationParams, _a: Affine
) -> float:
    """Dev loses no more bona fide trials than `miss_rate`."""
    complaint = too_few_for(params.miss_rate, scores.bonafide.size)
    if complaint:
        _log.warning("%s", complaint)
    return miss_rate_threshold(scores.bonafide, scores.spoof, params.miss_rate)


def lowest_cost(
    _s: Scores, _p: CalibrationParams, evaluation: EvaluationParams, affine: Affine
) -> float:
    """Bayes' threshold of the calibrated scores, which dev's do not move."""
    slope, intercept = affine
    return (bayes_threshold(evaluation) - intercept) / slope


OPERATING_POINTS: LazyTable[Policy] = LazyTable(PLACES)
