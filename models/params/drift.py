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
    windows: StrictInt = Field(
        default=2,
        ge=1,
        le=10,
        description="windows in a row in which one signal is over its limit before it is drift",
    )
    false_alarm_rate: StrictFloat = Field(
        default=0.05,
        ge=0.001,
        le=0.5,
        description="share of windows of stable traffic in which any signal is over its limit",
    )
