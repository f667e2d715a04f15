"""`calibration` in params.yaml: where on dev the operating threshold is put; docs/training.md."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StrictFloat
from pydantic.dataclasses import dataclass

from models.params.section import CLOSED, OneOf
from models.tables import OPERATING_POINTS


@dataclass(frozen=True, config=CLOSED)
class CalibrationParams:
    """Where on dev the operating threshold is put."""

    operating_point: Annotated[str, OneOf(OPERATING_POINTS)] = "eer"
    miss_rate: StrictFloat = Field(
        default=0.01,
        ge=0.0,
        le=0.5,
        description="of miss_rate: share of bona fide dev trials refused, at most",
    )

    @property
    def target(self) -> float | None:
        """The share of bona fide trials that may be refused, where that is what was set."""
        return self.miss_rate if self.operating_point == "miss_rate" else None
