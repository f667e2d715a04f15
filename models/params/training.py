"""`training` in params.yaml: how a detector learns."""

from __future__ import annotations

from dataclasses import field, replace
from typing import Annotated, Literal

from pydantic import Field, StrictBool, StrictFloat, StrictInt, model_validator
from pydantic.dataclasses import dataclass

from models.params.detector import PUBLISHED
from models.params.learning import (
    AveragingParams,
    DistillationParams,
    GrowthParams,
    ObjectiveParams,
    ScheduleParams,
    TransferParams,
)
from models.params.section import CLOSED, MOST_SEED, ContradictionError, OneOf, Rate, Seed, Share
from models.tables import LOSSES, OPTIMISERS


@dataclass(frozen=True, config=CLOSED)
class TrainingParams:
    """How a detector learns."""

    initial: str = Field(
        default="champion",
        description="champion (scratch where there is none), scratch, or a detector folder",
    )
    pretrained: str | tuple[str, ...] | None = Field(
        default=PUBLISHED,
        description="of learnt fronts, from scratch: published (those of `antiphon fronts list` "
        "that the detector's fronts are made for), a name of that list, a file or folder of "
        "weights, torchaudio (fetched), or a list of these, one for each front; null: random",
    )
    loss: Annotated[str, OneOf(LOSSES)] = "cross-entropy"
    bonafide_weight: StrictFloat = Field(
        default=0.5, ge=0.01, le=0.99, description="of the loss; spoof gets the rest"
    )
    optimiser: Annotated[str, OneOf(OPTIMISERS)] = "adam"
    learning_rate: Rate = 1e-4
    final_learning_rate: Rate = Field(
        default=5e-6,
        description="the lowest of the schedule; where it is the higher, the rate stays",
    )
    weight_decay: Share = 1e-4
    batch_size: StrictInt = Field(
        default=24,
        ge=0,
        le=65_536,
        description="clips of a step; 0: as many as memory holds, times accumulate",
    )
    accumulate: StrictInt = Field(
        default=1,
        ge=1,
        le=65_536,
        description="parts that a batch is worked off in; each has its own batch norm",
    )
    epochs: StrictInt = Field(default=100, ge=1, le=100_000)
    steps_per_epoch: StrictInt = Field(
        default=0, ge=0, le=10_000_000, description="0: every train trial once"
    )
    patience: StrictInt = Field(
        default=10, ge=1, le=100_000, description="epochs without a lower dev EER"
    )
    crop_samples: StrictInt = Field(
        default=64_600, ge=8_000, le=1_600_000, description="of a clip that is learnt from"
    )
    mixed_precision: Literal["auto", "always", "never"] = Field(
        default="auto", description="auto: bf16 on a GPU; always: on a CPU too"
    )
    compile: StrictBool = Field(
        default=False,
        description="steps by torch.compile: a minute or more before the first one",
    )
    balanced: StrictBool = Field(
        default=True, description="draw classes, then attacks, then clips evenly"
    )
    bonafide_evenly: Literal["clips", "speakers", "sources"] = Field(
        default="sources", description="what balanced batches draw bona fide clips from"
    )
    pairs: Share = Field(
        default=0.0,
        description="of a balanced batch: human clips and a copy of each, cut and augmented alike",
    )
    seed: Seed = 2026
    loader_workers: Annotated[StrictInt, Field(ge=0, le=1_024)] | Literal["auto"] = Field(
        default="auto",
        description="processes that make batches ahead; 0: none; auto: 0 without a GPU",
    )
    objective: ObjectiveParams = field(default_factory=ObjectiveParams)
    schedule: ScheduleParams = field(default_factory=ScheduleParams)
    averaging: AveragingParams = field(default_factory=AveragingParams)
    transfer: TransferParams = field(default_factory=TransferParams)
    growth: GrowthParams = field(default_factory=GrowthParams)
    distillation: DistillationParams = field(default_factory=DistillationParams)

    def from_scratch(self, *, pretrained: bool) -> TrainingParams:
        """Without what only a training from weights goes by.

        `transfer` stays where a front starts from pretrained weights.
        """
        wise = self.averaging.kind == "wise"
        return replace(
            self,
            averaging=AveragingParams() if wise else self.averaging,
            transfer=self.transfer if pretrained else TransferParams(),
        )

    def seed_after(self, count: int) -> int:
        """Another seed, `count` further on; after the highest comes 0."""
        return (self.seed + count) % (MOST_SEED + 1)

    @model_validator(mode="after")
    def _a_batch_has_its_parts(self) -> TrainingParams:
        if 0 < self.batch_size < self.accumulate:
            raise ContradictionError(
                "accumulate",
                f"at most the batch_size of {self.batch_size} expected, found {self.accumulate}",
            )
        return self

    @model_validator(mode="after")
    def _pairs_are_drawn_by_class(self) -> TrainingParams:
        if self.pairs > 0.0 and not self.balanced:
            raise ContradictionError(
                "pairs", f"0 expected where training.balanced is false, found {self.pairs:g}"
            )
        return self
