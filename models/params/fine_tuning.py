"""`fine_tuning` in params.yaml."""

from __future__ import annotations

from pydantic import Field, StrictInt
from pydantic.dataclasses import dataclass

from models.params.section import CLOSED, Rate


@dataclass(frozen=True, config=CLOSED)
class FineTuningParams:
    """What differs from `training` where the weights are a champion's or given ones."""

    learning_rate: Rate = 1e-5
    epochs: StrictInt = Field(default=20, ge=1, le=100_000)
