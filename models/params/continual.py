"""`continual` in params.yaml: how a detector that is trained again keeps what it knew."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StrictFloat, StrictInt
from pydantic.dataclasses import dataclass

from models.params.section import CLOSED, OneOf, Share
from models.tables import CONTINUAL_METHODS


@dataclass(frozen=True, config=CLOSED)
class ContinualParams:
    """How a detector that starts from trained weights keeps what it knew; docs/continual.md."""

    method: Annotated[str, OneOf(("none", *CONTINUAL_METHODS))] = "none"
    memory_clips: StrictInt = Field(
        default=512,
        ge=1,
        le=10_000_000,
        description="old clips looked at again, chosen for coverage",
    )
    ewc_weight: StrictFloat = Field(
        default=100.0,
        ge=0.0,
        le=1e9,
        description="of ewc: pull of a weight of mean importance to its first value",
    )
    distillation_weight: StrictFloat = Field(
        default=1.0, ge=0.0, le=1e6, description="of lwf, rawm, replay-lwf: beside the loss"
    )
    parallel: Share = Field(
        default=0.1, description="of rwm, rawm: share of a step that may change old answers"
    )
