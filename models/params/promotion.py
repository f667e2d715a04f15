"""`promotion` in params.yaml: what a candidate must show before it takes the champion's place."""

from __future__ import annotations

from dataclasses import field
from typing import Annotated, Literal

from pydantic import Field, StrictFloat, StrictInt
from pydantic.dataclasses import dataclass

from models.params.section import CLOSED, Count, Seed, Share

Level = Annotated[StrictFloat, Field(ge=0.0001, le=0.5)]
Margin = Annotated[StrictFloat, Field(ge=0.0, le=100.0)]
Ratio = Annotated[StrictFloat, Field(ge=0.01, le=1_000.0)] | None
Fewest = Annotated[StrictInt, Field(ge=1, le=1_000_000)]


@dataclass(frozen=True, config=CLOSED)
class MarginParams:
    """What a candidate may do worse than the champion, beyond chance, before it is vetoed.

    Rates are 0-1; Cllr is in bits, act DCF in its own normalised unit.
    """

    attack: Share = Field(default=0.05, description="EER of one attack ever seen")
    sentinel: Share = Field(default=0.02, description="EER")
    adversarial: Share = Field(
        default=0.05, description="EER under attacks on itself, and on the other"
    )
    bonafide: Share = Field(
        default=0.05,
        description="misses of one language, codec, source …, each at its own threshold",
    )
    cllr: Margin = Field(default=0.05, description="bits")
    act_dcf: Margin = 0.05
    operating_point: Share = Field(
        default=0.02, description="share of bona fide speech refused, on the frozen set"
    )


@dataclass(frozen=True, config=CLOSED)
class PromotionParams:
    """The level of the gate, what it tests with, and what it may not lose."""

    approval: Literal["auto", "manual"] = Field(
        default="auto",
        description="manual: a winner is registered and waits for `antiphon approve`",
    )
    first_champion_max_eer: Share = Field(
        default=0.30, description="what a candidate must stay below where there is no champion"
    )
    level: Level = Field(
        default=0.05,
        description="chance that a candidate which errs as much as the champion is promoted",
    )
    shadow_share: StrictFloat = Field(
        default=0.4,
        ge=0.0,
        le=0.99,
        description="of the level that is kept for the test on live traffic",
    )
    shadow_plausible: StrictFloat = Field(
        default=0.8,
        ge=0.5,
        le=1.0,
        description="share of resampled differences below zero that is worth a shadow",
    )
    shadow_days: StrictFloat = Field(
        default=14.0,
        ge=0.0,
        le=3_650.0,
        description="after which a version in shadow that is not promoted is dropped",
    )
    shadow_reviews: Count = Field(
        default=50, description="recordings at once that reviewers are asked about for it"
    )
    veto_level: Level = Field(
        default=0.05, description="one-sided, of every check that a candidate is no worse"
    )
    margins: MarginParams = field(default_factory=MarginParams)
    max_latency_ratio: Ratio = Field(
        default=2.0, description="candidate to champion; null: no veto"
    )
    max_memory_ratio: Ratio = Field(default=2.0, description="candidate to champion; null: no veto")
    min_trials: Fewest = Field(
        default=60,
        description="a slice with fewer is too small to decide, and so is a rolling set",
    )
    min_clusters: Fewest = Field(default=10, description="speakers or sources, likewise")
    error_budget: StrictFloat = Field(
        default=1.0,
        ge=0.0,
        le=1_000.0,
        description="sum of the levels a set may spend before a fresh one is needed",
    )
    confidence: StrictFloat = Field(
        default=0.95, ge=0.5, le=0.9999, description="of the intervals that are shown"
    )
    resamples: StrictInt = Field(
        default=2000, ge=100, le=1_000_000, description="of the clustered paired bootstrap"
    )
    cheaper_margin: Share = Field(
        default=0.0,
        description="rise of the EER that the bound must stay below for a candidate that is "
        "cheaper; 0: only fewer errors promote",
    )
    cheaper_saving: Share = Field(
        default=0.3, description="share of the champion's latency or size that makes it cheaper"
    )
    seed: Seed = 2026

    @property
    def direct_level(self) -> float:
        """What of the level a comparison on an evaluation set may spend."""
        return self.level * (1 - self.shadow_share)

    @property
    def shadow_level(self) -> float:
        """What of the level is left to the sequential test on live traffic."""
        return self.level * self.shadow_share
