"""What a measure may need to know besides the scores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from models.params.evaluation import EvaluationParams

if TYPE_CHECKING:
    from models.evaluation.calibration import Calibration
    from models.evaluation.metrics.tdcf import AsvErrorRates

Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Conditions:
    """Costs, operating threshold, calibration and the speaker verification beside a detector."""

    evaluation: EvaluationParams = field(default_factory=EvaluationParams)
    threshold: float | None = None  # accepted as bona fide: cm_score >= threshold; None: EER's
    calibration: Calibration | None = None  # None: the scores are taken as log-likelihood ratios
    asv: AsvErrorRates | None = None

    def llr(self, cm_scores: Floats) -> Floats:
        """Log-likelihood ratios, bona fide over spoof, of cm_scores (trials,)."""
        return cm_scores if self.calibration is None else self.calibration.llr(cm_scores)


DEFAULT = Conditions()

# (bona fide cm_scores, spoof cm_scores, conditions) -> the measure; None: not defined here
Metric = Callable[[Floats, Floats, Conditions], float | None]
