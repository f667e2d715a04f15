"""`compression` in params.yaml: how `antiphon compress` makes a detector smaller."""

from __future__ import annotations

from pydantic import Field, StrictFloat, StrictInt
from pydantic.dataclasses import dataclass

from models.params.section import CLOSED, Rate


@dataclass(frozen=True, config=CLOSED)
class CompressionParams:
    """How `antiphon compress` makes a detector smaller."""

    calibration_clips: StrictInt = Field(
        default=64,
        ge=1,
        le=1_000_000,
        description="of train, from which int8 learns the ranges of activations",
    )
    listened_clips: StrictInt = Field(
        default=32,
        ge=2,
        le=1_000_000,
        description="of dev, on which the scores of both graphs are compared",
    )
    max_score_shift: StrictFloat = Field(
        default=0.15,
        ge=0.0,
        le=100.0,
        description="of int8: mean |Δcm_score|, in standard deviations of the scores",
    )
    keep: StrictFloat = Field(
        default=0.5, ge=0.01, le=1.0, description="of pruning: share of the channels"
    )
    learning_rate: Rate = Field(default=1e-4, description="of the training that follows pruning")
    epochs: StrictInt = Field(default=20, ge=1, le=100_000)
