"""`review` in params.yaml: how many answers make a label, and how many claims reach reviewers."""

from __future__ import annotations

from pydantic import Field, StrictFloat, StrictInt
from pydantic.dataclasses import dataclass

from models.params.section import CLOSED, Share


@dataclass(frozen=True, config=CLOSED)
class ReviewParams:
    """The rule of the review of field samples."""

    reviewers: StrictInt = Field(
        default=2, ge=1, le=100, description="independent answers that agree complete a sample"
    )
    experts: StrictInt = Field(
        default=1, ge=1, le=100, description="experts' answers that agree complete it as well"
    )
    lock_min: StrictFloat = Field(
        default=10.0, ge=0.1, le=1_440.0, description="minutes a sample is one reviewer's alone"
    )
    gold_share: Share = Field(
        default=0.05, description="of a reviewer's items whose answer is known; they measure people"
    )
    source_cap: StrictInt = Field(
        default=100, ge=1, le=1_000_000, description="claims of one source a day for reviewers"
    )
