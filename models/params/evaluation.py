"""`evaluation` in params.yaml: what errors cost, and the attacks a candidate is shown."""

from __future__ import annotations

from pydantic import Field, StrictFloat, model_validator
from pydantic.dataclasses import dataclass

from models.params.section import CLOSED, ContradictionError, Count, Decibels, Share


@dataclass(frozen=True, config=CLOSED)
class EvaluationParams:
    """Costs of the detection cost function, and the attacks a candidate is shown."""

    p_spoof: Share = Field(default=0.05, description="ASVspoof 5 evaluation plan")
    cost_miss: StrictFloat = Field(default=1.0, description="ASVspoof 5 evaluation plan")
    cost_false_alarm: StrictFloat = Field(default=10.0, description="ASVspoof 5 evaluation plan")
    attacked_trials: Count = Field(
        default=64, description="of eval, re-scored under each attack on the detector; 0: none"
    )
    attack_snr_db: Decibels = Field(default=40.0, description="of the clip over its perturbation")

    @model_validator(mode="after")
    def _both_classes_are_attacked(self) -> EvaluationParams:
        if self.attacked_trials == 1:
            raise ContradictionError(
                "attacked_trials", "0, or 2 and more (of both classes) expected, found 1"
            )
        return self
