"""From cm_scores to probabilities, and the threshold of the verdict.

An affine map makes a cm_score a log-likelihood ratio, bona fide over spoof. It is monotone, so that
calibrating never changes an EER.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import InputError
from models.files.manifest import CALIBRATION
from models.files.whole_files import write_json
from models.trials import Label


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

    def llr_of(self, cm_score: float) -> float:
        """The log-likelihood ratio of one cm_score."""
        return self.slope * cm_score + self.intercept

    def score_of(self, llr: float) -> float:
        """The cm_score of a log-likelihood ratio."""
        return (llr - self.intercept) / self.slope

    def spoof_probability(self, cm_score: float) -> float:
        """Probability (0-1) of a spoof where both classes are equally likely beforehand.

        The equal prior lets the number speak of this utterance alone; whoever knows how common
        spoofs are at their door adds the log odds.
        """
        return probability_of_spoof(self.llr_of(cm_score))

    def verdict(self, cm_score: float) -> Label:
        """Bona fide at or above the operating threshold, spoof below."""
        return Label.BONAFIDE if cm_score >= self.threshold else Label.SPOOF


def probability_of_spoof(llr: float) -> float:
    """Probability (0-1) of a spoof of an llr, bona fide over spoof, at equal priors."""
    return (1 - math.tanh(llr / 2)) / 2  # tanh saturates where exp would overflow


def write_calibration(folder: Path, calibration: Calibration) -> None:
    """Write calibration.json into a detector folder, whole or not at all."""
    write_json(folder / CALIBRATION, asdict(calibration))


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
