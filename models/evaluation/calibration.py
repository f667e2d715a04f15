"""From cm_scores to probabilities, and the threshold of the verdict: fitted on dev, never on eval.

An affine map makes a cm_score a log-likelihood ratio, bona fide over spoof. It is monotone, so that
calibrating never changes an EER.
"""

from __future__ import annotations

import json
import logging
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import InputError
from models.evaluation.operating_points import operating_threshold
from models.evaluation.scores import Scores
from models.files.manifest import CALIBRATION
from models.params.calibration import CalibrationParams
from models.params.evaluation import EvaluationParams
from models.trials import Label

_log = logging.getLogger(__name__)

STRENGTH = 10.0  # inverse of the L2 penalty: keeps separable dev scores from an endless slope
FLATTEST = 1e-3  # slope per standard deviation of the scores, where they say nothing or the reverse


@dataclass(frozen=True)
class Calibration:
    """llr = slope * cm_score + intercept; raises InputError where the map would not rise."""

    slope: float
    intercept: float
    threshold: float  # a cm_score; at or above: bona fide

    def __post_init__(self) -> None:
        values = (self.slope, self.intercept, self.threshold)
        if not all(map(math.isfinite, values)) or self.slope <= 0:
            raise InputError(
                "calibration: finite numbers and a slope above 0 expected, found "
                f"slope {self.slope}, intercept {self.intercept}, threshold {self.threshold}"
            )

    def llr(self, cm_scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Log-likelihood ratios, bona fide over spoof, of cm_scores of any shape."""
        return self.slope * cm_scores + self.intercept

    def spoof_probability(self, cm_score: float) -> float:
        """Probability (0-1) of a spoof where both classes are equally likely beforehand.

        The equal prior lets the number speak of this utterance alone; whoever knows how common
        spoofs are at their door adds the log odds.
        """
        # tanh saturates where exp would overflow
        return (1 - math.tanh((self.slope * cm_score + self.intercept) / 2)) / 2

    def verdict(self, cm_score: float) -> Label:
        """Bona fide at or above the operating threshold, spoof below."""
        return Label.BONAFIDE if cm_score >= self.threshold else Label.SPOOF


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


def write_calibration(folder: Path, calibration: Calibration) -> None:
    """Write calibration.json into a detector folder, whole or not at all."""
    path = folder / CALIBRATION
    part = path.with_name(f"{path.name}.part")
    part.write_text(json.dumps(asdict(calibration), indent=2) + "\n", encoding="utf-8")
    part.replace(path)


def read_calibration(folder: Path) -> Calibration:
    """The calibration of a detector folder; raises InputError naming the file."""
    path = folder / CALIBRATION
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as JSON ({error})") from error
    try:
        return Calibration(**_numbers(document))
    except (ValueError, TypeError) as error:
        raise InputError(f"{path}: not a calibration ({error})") from error


def _numbers(document: Any) -> dict[str, float]:
    expected = ("slope", "intercept", "threshold")
    if not isinstance(document, dict) or set(document) != set(expected):
        raise InputError(f"an object of {', '.join(expected)} expected")
    return {key: float(value) for key, value in document.items()}


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
