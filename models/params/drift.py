"""`drift` in params.yaml: how much change in a window of traffic is drift."""

from __future__ import annotations

from pydantic import Field, StrictFloat, StrictInt
from pydantic.dataclasses import dataclass

from models.params.section import CLOSED


@dataclass(frozen=True, config=CLOSED)
class DriftParams:
    """How much change in a window of traffic is drift."""

    window: StrictInt = Field(
        default=200,
        ge=10,
        le=10_000_000,
        description="requests looked at; fewer are insufficient",
    )
    score_distance: StrictFloat = Field(
        default=0.5, description="Wasserstein distance in reference standard deviations"
    )
    embedding_distance: StrictFloat = Field(default=0.5, description="likewise")
