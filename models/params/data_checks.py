"""`data_checks` in params.yaml: what is looked at before a detector learns from data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, StrictFloat
from pydantic.dataclasses import dataclass

from models.params.section import CLOSED, OneOf
from models.tables import BALANCE_CHECKS, CLIP_CHECKS

STOPPING = ("contradiction",)  # what stops a cycle where `findings` says nothing else
SHORTCUT = "shortcut"  # of models.evaluation.shortcuts
Finding = Annotated[
    str, OneOf((*CLIP_CHECKS, *STOPPING, *BALANCE_CHECKS, SHORTCUT)), Field(description="parameter")
]
Does = Literal["stop", "report"]


@dataclass(frozen=True, config=CLOSED)
class DataCheckParams:
    """What a finding does, and how long a clip should be; see models.data.checks."""

    findings: Mapping[Finding, Does] = Field(
        default_factory=dict,
        description="finding -> what it does, for those that do otherwise than by default: "
        "`contradiction` stops, the others are reported; docs/data.md",
    )
    shortest_s: StrictFloat = Field(
        default=0.5,
        ge=0.0,
        le=600.0,
        description="of a clip",
    )

    def does(self, kind: str) -> Does:
        """What a finding of a kind does."""
        return self.findings.get(kind, "stop" if kind in STOPPING else "report")
