"""The inputs of a measure besides the scores."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from models.evaluation.calibration import Calibration
from models.params.evaluation import EvaluationParams

Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class AsvErrorRates:
    """How a speaker verification system errs at its EER threshold."""

    miss: float  # share of target trials rejected
    false_alarm: float  # share of nontarget trials accepted
    spoof_miss: float  # share of spoofs rejected
    attack_misses: Mapping[str, float] = field(default_factory=dict)  # spoof_miss of each attack

    def for_attack(self, attack_id: str) -> AsvErrorRates | None:
        """The rates with the spoofs of one attack; None where the ASV never met it."""
        if attack_id not in self.attack_misses:
            return None
        return replace(self, spoof_miss=self.attack_misses[attack_id])


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
