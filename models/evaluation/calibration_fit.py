"""Fit the calibration and the operating threshold of a detector: on dev, never on eval."""

from __future__ import annotations

import logging

import numpy as np
from numpy.typing import NDArray

from models.evaluation.calibration import Calibration
from models.evaluation.operating_points import operating_threshold
from models.evaluation.scores import Scores
from models.params.calibration import CalibrationParams
from models.params.evaluation import EvaluationParams

_log = logging.getLogger(__name__)

STRENGTH = 10.0  # inverse of the L2 penalty: keeps separable dev scores from an endless slope
FLATTEST = 1e-3  # slope per standard deviation of the scores, where they say nothing or the reverse


def fit_calibration(
    scores: Scores, params: CalibrationParams, evaluation: EvaluationParams | None = None
) -> Calibration:
    """Fit on the scores of dev; raises InputError where a class is missing.

    A logistic regression that weighs both classes equally, so that its output is a log-likelihood
    ratio whatever their numbers. Where dev scores say nothing, or the reverse, the map is nearly
    flat: probabilities near one half, and a line in the log. The gate is what refuses a bad
    detector, not this.
    """
    scores.require_both_classes("dev scores")
    slope, intercept = _affine(scores.cm_scores, scores.is_bonafide)
    threshold = operating_threshold(
        scores, params, evaluation or EvaluationParams(), (slope, intercept)
    )
    return Calibration(slope, intercept, threshold)


def _affine(cm_scores: NDArray[np.float64], bonafide: NDArray[np.bool_]) -> tuple[float, float]:
    """Slope and intercept from cm_scores (trials,) and which trials (trials,) are bona fide."""
    from sklearn.linear_model import LogisticRegression  # answering requests needs none of it

    centre, spread = float(cm_scores.mean()), float(cm_scores.std()) or 1.0
    standardised = ((cm_scores - centre) / spread)[:, None]  # (trials, 1): the penalty has no unit
    model = LogisticRegression(C=STRENGTH, class_weight="balanced").fit(standardised, bonafide)
    steepness, offset = float(model.coef_[0, 0]), float(model.intercept_[0])
    if steepness < FLATTEST:
        _log.warning("dev scores do not rise from spoof to bona fide: probabilities stay near 0.5")
        steepness, offset = FLATTEST, 0.0
    return steepness / spread, offset - steepness * centre / spread
