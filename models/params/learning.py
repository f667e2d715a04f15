"""The sections inside `training`: its objective, rates, averages, transfer, growth and teacher."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StrictFloat, StrictInt
from pydantic.dataclasses import dataclass

from models.params.section import CLOSED, OneOf, Share
from models.tables import SCHEDULES


@dataclass(frozen=True, config=CLOSED)
class ObjectiveParams:
    """What the losses are set to, and what labels are made of."""

    label_smoothing: StrictFloat = Field(
        default=0.0,
        ge=0.0,
        le=0.5,
        description="of every label's certainty, spread over both classes",
    )
    mixup: StrictFloat = Field(
        default=0.0,
        ge=0.0,
        le=10.0,
        description="α of the Beta distribution that mixes two clips; 0: none",
    )
    sharpness: StrictFloat = Field(
        default=0.0,
        ge=0.0,
        le=10.0,
        description="radius of sharpness-aware minimisation, 0.05 as published; 0: off",
    )


@dataclass(frozen=True, config=CLOSED)
class ScheduleParams:
    """How the learning rate moves between `learning_rate` and `final_learning_rate`."""

    shape: Annotated[str, OneOf(SCHEDULES)] = "cosine"
    warmup: StrictFloat = Field(
        default=0.0,
        ge=0.0,
        le=0.9,
        description="share of all steps in which the rate rises from zero",
    )


@dataclass(frozen=True, config=CLOSED)
class AveragingParams:
    """Which average of weights is judged on dev and kept."""

    kind: Literal["none", "ema", "swa", "wise"] = Field(
        default="none",
        description="ema: after each step; swa: after each late epoch; wise: of the weights that "
        "training started from and those of each epoch",
    )
    decay: StrictFloat = Field(default=0.999, ge=0.0, le=0.999999, description="of ema")
    start: StrictFloat = Field(
        default=0.75,
        ge=0.0,
        le=0.99,
        description="share of the epochs after which swa begins",
    )
    share: Share = Field(
        default=0.5, description="of wise: 0 is the first weights, 1 those of the epoch"
    )


@dataclass(frozen=True, config=CLOSED)
class TransferParams:
    """How much of the detector moves where training starts from weights.

    Published weights of a front are weights too; otherwise it does not apply from scratch.
    """

    frozen_epochs: StrictInt = Field(
        default=0,
        ge=0,
        le=100_000,
        description="at first, in which the front stays as it is",
    )
    frozen_groups: StrictInt = Field(
        default=3,
        ge=1,
        le=1_000,
        description="blocks of the front, as Detector.depth_groups lists them",
    )
    rate_decay: StrictFloat = Field(
        default=1.0,
        ge=0.01,
        le=1.0,
        description="of the rate, from a block to the one in front of it",
    )


@dataclass(frozen=True, config=CLOSED)
class GrowthParams:
    """How many of the clips take part at first."""

    first_share: StrictFloat = Field(
        default=1.0,
        ge=0.001,
        le=1.0,
        description="of the train clips of each attack, in the first epoch",
    )
    epochs: StrictInt = Field(
        default=10,
        ge=1,
        le=100_000,
        description="by which all of them take part, and by the last at the latest",
    )


@dataclass(frozen=True, config=CLOSED)
class DistillationParams:
    """Whose answers a detector learns beside the labels; docs/compression.md."""

    teacher: str | None = Field(
        default=None, description="null: none; champion, or a detector folder"
    )
