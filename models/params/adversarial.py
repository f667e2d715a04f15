"""`adversarial` in params.yaml: how a trained detector is hardened."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StrictFloat, StrictInt, model_validator
from pydantic.dataclasses import dataclass

from models.params.section import CLOSED, ContradictionError, Decibels, OneOf, Rate, Share
from models.tables import ATTACKS_ON_DETECTORS


@dataclass(frozen=True, config=CLOSED)
class AdversarialParams:
    """How a trained detector is hardened against perturbed waveforms."""

    epochs: StrictInt = Field(
        default=1, ge=0, le=100_000, description="0: the trained detector passes through"
    )
    attack: Annotated[str, OneOf((*ATTACKS_ON_DETECTORS, "free"))] = "pgd"
    snr_db: Decibels = Field(default=40.0, description="of the clip over its perturbation")
    steps: StrictInt = Field(
        default=3,
        ge=1,
        le=1_000,
        description="of the iterated attacks; of free: passes over each batch",
    )
    share: Share = Field(default=0.5, description="of each batch that is attacked")
    trades_beta: StrictFloat = Field(
        default=0.0,
        ge=0.0,
        le=1_000.0,
        description="weight of the divergence of clean and attacked answers (TRADES); 0: attacked "
        "clips are learned as they are labelled",
    )
    learning_rate: Rate = 1e-5

    @model_validator(mode="after")
    def _free_can_do_it(self) -> AdversarialParams:
        if self.attack == "free" and self.steps < 2:
            raise ContradictionError(
                "steps", "2 or more expected with attack free, whose first pass is clean"
            )
        if self.attack == "free" and self.trades_beta > 0.0:
            raise ContradictionError(
                "trades_beta", "0 expected with attack free, which has no attacked twins"
            )
        return self
