"""`calibration` in params.yaml: thresholds and policies of verdicts; docs/training.md."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import Field, StrictFloat, model_validator
from pydantic.dataclasses import dataclass

from models.params.section import CLOSED, ContradictionError, OneOf
from models.tables import CODECS, OPERATING_POINTS

DEFAULT_POLICY = "default"
Odds = Annotated[StrictFloat, Field(ge=1.0, le=1e6)]
NO_CODEC = "none"
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")


@dataclass(frozen=True, config=CLOSED)
class PolicyParams:
    """How far beyond the operating threshold evidence must be, as factors of likelihood."""

    spoof: Odds = Field(default=1.0, description="for the verdict spoof; between: uncertain")
    bonafide: Odds = Field(default=1.0, description="for the verdict bonafide")
    codec: Annotated[str, OneOf([NO_CODEC, *CODECS])] = Field(
        default=NO_CODEC, description="calibrated on dev through it; none: on dev as it is"
    )


DEFAULT_POLICIES = {
    DEFAULT_POLICY: PolicyParams(1.5, 1.5),
    "high-security": PolicyParams(1.0, 10.0),
    "low-friction": PolicyParams(10.0, 1.0),
    "telephone": PolicyParams(1.5, 1.5, "g711_mulaw"),
}


@dataclass(frozen=True, config=CLOSED)
class CalibrationParams:
    """Where on dev the operating threshold is put, and the policies around it."""

    operating_point: Annotated[str, OneOf(OPERATING_POINTS)] = "eer"
    miss_rate: StrictFloat = Field(
        default=0.01,
        ge=0.0,
        le=0.5,
        description="of miss_rate: share of bona fide dev trials refused, at most",
    )

    policies: dict[str, PolicyParams] = Field(
        default_factory=lambda: dict(DEFAULT_POLICIES),
        description="name -> how sure a verdict must be; docs/endpoint.md",
    )

    @model_validator(mode="after")
    def _default_is_one_of_them(self) -> CalibrationParams:
        default = self.policies.get(DEFAULT_POLICY)
        if default is None or default.codec != NO_CODEC:
            raise ContradictionError(
                "policies", f"a policy {DEFAULT_POLICY} without codec expected"
            )
        for name in self.policies:
            if not _NAME.fullmatch(name):
                raise ContradictionError(
                    "policies", f"names of small letters, digits and - expected, found '{name}'"
                )
        return self

    @property
    def target(self) -> float | None:
        """The share of bona fide trials that may be refused, where that is what was set."""
        return self.miss_rate if self.operating_point == "miss_rate" else None
