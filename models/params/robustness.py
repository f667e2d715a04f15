"""`robustness` in params.yaml: how a detector itself is attacked in its evaluation."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StrictBool, StrictInt, model_validator
from pydantic.dataclasses import dataclass

from models.params.section import CLOSED, Count, Decibels, OneOf, each_once
from models.tables import ATTACKS_ON_DETECTORS

Attack = Annotated[str, OneOf((*ATTACKS_ON_DETECTORS, "universal"))]


@dataclass(frozen=True, config=CLOSED)
class RobustnessParams:
    """What is tried; on how many trials, and at which SNR first, says `evaluation`."""

    attacks: tuple[Attack, ...] = ("fgsm", "pgd")
    snrs_db: tuple[Decibels, ...] = Field(
        default=(), description="besides evaluation.attack_snr_db"
    )
    steps: StrictInt = Field(
        default=5, ge=1, le=10_000, description="of attacks that follow the gradient"
    )
    champion: StrictBool = Field(
        default=True,
        description="attack the champion too, and show what fools it to the candidate",
    )
    guard_trials: Count = Field(
        default=8, description="on which masked gradients are looked for; 0: not looked for"
    )

    @model_validator(mode="after")
    def _lists_name_each_once(self) -> RobustnessParams:
        each_once("attacks", self.attacks)
        each_once("snrs_db", self.snrs_db)
        return self
