"""`retraining` in params.yaml."""

from __future__ import annotations

from pydantic import Field, StrictBool, StrictInt
from pydantic.dataclasses import dataclass

from models.params.section import CLOSED


@dataclass(frozen=True, config=CLOSED)
class RetrainingParams:
    """What asks for a cycle besides drift and the schedule."""

    min_new_labels: StrictInt = Field(
        default=20, ge=1, le=1_000_000, description="accepted field samples that ask for a cycle"
    )
    fast: StrictBool = Field(
        default=True,
        description="enough new labels ask for a fast cycle, which refits the last layer; else for "
        "a full one",
    )
    cool_down_h: float = Field(
        default=24.0,
        ge=0.0,
        le=8_760.0,
        description="hours before drift is acted on again with few new labels",
    )
    budget_min: float | None = Field(
        default=None,
        ge=0.0,
        le=44_640.0,
        description="minutes of cycles in a month of UTC, after which only people start one; null: "
        "no limit",
    )
