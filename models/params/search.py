"""`search` in params.yaml: how `antiphon search` looks for the cells of light-darts."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, StrictInt
from pydantic.dataclasses import dataclass

from models.params.section import CLOSED, Rate


@dataclass(frozen=True, config=CLOSED)
class SearchParams:
    """How much is tried, and how fast weights and architecture learn; see models.search."""

    steps: StrictInt = Field(default=2_000, ge=1, le=10_000_000, description="of the weights")
    architecture_from: Literal["dev", "train"] = Field(
        default="dev", description="train: half of it, the weights learn from the other half"
    )
    order: Literal["first", "second"] = Field(
        default="first", description="second: four times the work of a step"
    )
    cells: StrictInt = Field(default=4, ge=1, le=64, description="in a row, while searching")
    channels: StrictInt = Field(
        default=8, ge=1, le=1_024, description="of a node in the first cells, while searching"
    )
    learning_rate: Rate = Field(
        default=0.025, description="of the weights, by stochastic gradient descent"
    )
