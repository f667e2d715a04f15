"""How often a gate decides correctly, on simulated pairs of known quality.

Three gates see the same pairs. `naive`: the EER is lower. `strict`: the upper end of a two-sided
interval of 95 % by the clustered paired bootstrap lies below zero, and every slice and check shows
that it is no worse. `ours`: `judge`, and after it the sequential test on labelled live traffic for
those it put in shadow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import binomtest

from models.params.promotion import PromotionParams
from models.promotion.judgement import judge
from models.promotion.sequential import SequentialDecision, sequential_test
from models.promotion.simulated_pairs import TRUTHS, SimulatedPair, Truth, simulate_pair
from models.promotion.verdict import Decision, Finding, Verdict

GATES = ("naive", "strict", "ours at once", "ours in shadow", "ours in all")
STRICT_CONFIDENCE = 0.95  # two-sided


@dataclass(frozen=True)
class Rate:
    """How many of some pairs, with the interval of Clopper and Pearson (1934) at 95 %."""

    count: int
    pairs: int

    @property
    def share(self) -> float:
        """Of the pairs (0-1)."""
        return self.count / self.pairs

    @property
    def interval(self) -> tuple[float, float]:
        """Exact binomial interval (0-1)."""
        interval = binomtest(self.count, self.pairs).proportion_ci(confidence_level=0.95)
        return float(interval.low), float(interval.high)


@dataclass(frozen=True)
class TruthResult:
    """What came of the pairs of one truth."""

    truth: Truth
    promoted: dict[str, Rate]  # gate -> how often; "ours in shadow": how often it was put there


def simulate(
    params: PromotionParams,
    pairs: int,
    labels: int,
    seed: int,
    truths: Iterable[Truth] = TRUTHS,
    on_pair: Callable[[], None] = lambda: None,
) -> list[TruthResult]:
    """Put `pairs` pairs of each truth before the gates; at most `labels` calls are reviewed."""
    rules = replace(params, confidence=STRICT_CONFIDENCE)
    outcomes = []
    for number, truth in enumerate(truths):
        random = np.random.default_rng((seed, number))
        counts = dict.fromkeys(GATES, 0)
        for _ in range(pairs):
            for gate, answer in _answers(simulate_pair(truth, random, labels), rules).items():
                counts[gate] += answer
            on_pair()
        outcomes.append(TruthResult(truth, {gate: Rate(n, pairs) for gate, n in counts.items()}))
    return outcomes


def _answers(pair: SimulatedPair, rules: PromotionParams) -> dict[str, bool]:
    """Gate -> whether it promotes the candidate."""
    verdict = judge(pair.evidence, rules)
    at_once, in_shadow = verdict.promote, verdict.decision is Decision.SHADOW
    later = in_shadow and (
        sequential_test(pair.gains.tolist(), rules.shadow_level).decision
        is SequentialDecision.PROMOTE
    )
    answers = (_is_lower(verdict), _is_strictly_better(verdict), at_once, in_shadow)
    return dict(zip(GATES, (*answers, at_once or later), strict=True))


def _is_lower(verdict: Verdict) -> bool:
    return verdict.difference is not None and verdict.difference < 0


def _is_strictly_better(verdict: Verdict) -> bool:
    looked_at = [check for check in verdict.checks if check.finding is not Finding.ABSENT]
    below = verdict.interval is not None and verdict.interval[1] < 0
    return below and all(check.finding is Finding.HOLDS for check in looked_at)
