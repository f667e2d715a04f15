"""What a candidate must show before it takes the champion's place: section `promotion`."""

from __future__ import annotations

from dataclasses import dataclass, field

from models.params.seeds import MOST_SEED


@dataclass(frozen=True)
class MarginParams:
    """What a candidate may do worse than the champion, beyond chance, before it is vetoed.

    Rates are 0-1; Cllr is in bits, act DCF in its own normalised unit.
    """

    attack: float = 0.05  # EER of one past attack
    sentinel: float = 0.02  # EER
    adversarial: float = 0.05  # EER
    bonafide: float = 0.05  # misses of one slice of bona fide speech, each at its own threshold
    cllr: float = 0.05
    act_dcf: float = 0.05
    operating_point: float = 0.02  # bona fide refused on the frozen set


@dataclass(frozen=True)
class PromotionParams:
    """The level of the gate, what it tests with, and what it may not lose."""

    first_champion_max_eer: float = 0.30
    level: float = 0.05
    shadow_share: float = 0.4
    shadow_plausible: float = 0.8
    shadow_days: float = 14.0
    shadow_reviews: int = 50
    veto_level: float = 0.05
    margins: MarginParams = field(default_factory=MarginParams)
    max_latency_ratio: float | None = 2.0
    max_memory_ratio: float | None = 2.0
    min_trials: int = 60
    min_clusters: int = 10
    error_budget: float = 1.0
    confidence: float = 0.95
    resamples: int = 2000
    cheaper_margin: float = 0.0
    cheaper_saving: float = 0.3
    seed: int = 2026

    @property
    def direct_level(self) -> float:
        """What of the level a comparison on an evaluation set may spend."""
        return self.level * (1 - self.shadow_share)

    @property
    def shadow_level(self) -> float:
        """What of the level is left to the sequential test on live traffic."""
        return self.level * self.shadow_share


# name of a parameter -> (lowest, highest) it may be
PROMOTION_BOUNDS: dict[str, tuple[float, float]] = {
    "promotion.first_champion_max_eer": (0.0, 1.0),
    "promotion.seed": (0, MOST_SEED),
    "promotion.level": (0.0001, 0.5),
    "promotion.shadow_share": (0.0, 0.99),
    "promotion.shadow_plausible": (0.5, 1.0),
    "promotion.shadow_days": (0.0, 3_650.0),
    "promotion.shadow_reviews": (0, 1_000_000),
    "promotion.veto_level": (0.0001, 0.5),
    "promotion.margins.attack": (0.0, 1.0),
    "promotion.margins.sentinel": (0.0, 1.0),
    "promotion.margins.adversarial": (0.0, 1.0),
    "promotion.margins.bonafide": (0.0, 1.0),
    "promotion.margins.cllr": (0.0, 100.0),
    "promotion.margins.act_dcf": (0.0, 100.0),
    "promotion.margins.operating_point": (0.0, 1.0),
    "promotion.max_latency_ratio": (0.01, 1_000.0),
    "promotion.max_memory_ratio": (0.01, 1_000.0),
    "promotion.min_trials": (1, 1_000_000),
    "promotion.min_clusters": (1, 1_000_000),
    "promotion.error_budget": (0.0, 1_000.0),
    "promotion.confidence": (0.5, 0.9999),
    "promotion.resamples": (100, 1_000_000),
    "promotion.cheaper_margin": (0.0, 1.0),
    "promotion.cheaper_saving": (0.0, 1.0),
}
