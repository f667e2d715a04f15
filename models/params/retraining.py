"""`retraining` and `review` in params.yaml: what asks for a cycle, and what makes a label."""

from __future__ import annotations

from pydantic import Field, StrictBool, StrictFloat, StrictInt
from pydantic.dataclasses import dataclass

from models.params.section import CLOSED, Count, Seed, Share


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
    cluster_cap: StrictInt = Field(
        default=20, ge=1, le=10_000, description="samples that one answer to a cluster labels"
    )
    audit_share: Share = Field(
        default=0.01, description="of requests that the audit draws at random; 0: no audit"
    )
    daily_cap: Count = Field(
        default=20,
        description="a day that each of uncertainty, drift and new clusters asks about",
    )
    trust: Share = Field(
        default=0.7,
        description="share of right answers to gold items below which a reviewer's labels are held",
    )
    seed: Seed = 2026
