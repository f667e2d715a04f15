"""How often a gate decides correctly, on simulated pairs of known quality.

Three gates see the same pairs. `naive`: the EER is lower. `strict`: the upper end of a two-sided
interval of 95 % by the clustered paired bootstrap lies below zero, and every slice and check shows
that it is no worse. `ours`: `judge`, and after it the sequential test on labelled live traffic for
those it put in shadow.

`simulate_shadows` looks at the shadow alone: how often it promotes in whatever kind of traffic.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from scipy.stats import binomtest

from models.params.promotion import PromotionParams
from models.promotion.evidence import Evidence
from models.promotion.judgement import judge
from models.promotion.sequential import SequentialDecision, sequential_test
from models.promotion.simulated_pairs import (
    DISTANCES,
    TRUTHS,
    Truth,
    laxer_threshold,
    simulate_pair,
    true_threshold,
)
from models.promotion.simulated_traffic import (
    CALLS_TO_A_LABEL,
    FRESH,
    TRAFFICS,
    Traffic,
    draw_calls,
)
from models.promotion.verdict import Decision, Finding, Verdict

GATES = ("naive", "strict", "ours at once", "ours in shadow", "ours in all")
STRICT_CONFIDENCE = 0.95  # two-sided
LAXER = 0.3  # above the threshold of the EER: the champion's in the pair with a laxer candidate


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
            evidence = simulate_pair(truth, random)
            decides = partial(_live_decision, truth, evidence, labels, rules.shadow_level, random)
            for gate, answer in _answers(evidence, rules, decides).items():
                counts[gate] += answer
            on_pair()
        outcomes.append(TruthResult(truth, {gate: Rate(n, pairs) for gate, n in counts.items()}))
    return outcomes


def _answers(
    evidence: Evidence, rules: PromotionParams, live_decision: Callable[[], SequentialDecision]
) -> dict[str, bool]:
    """Gate -> whether it promotes the candidate."""
    verdict = judge(evidence, rules)
    at_once, in_shadow = verdict.promote, verdict.decision is Decision.SHADOW
    later = in_shadow and live_decision() is SequentialDecision.PROMOTE
    answers = (_is_lower(verdict), _is_strictly_better(verdict), at_once, in_shadow)
    return dict(zip(GATES, (*answers, at_once or later), strict=True))


def _live_decision(
    truth: Truth, evidence: Evidence, labels: int, level: float, random: np.random.Generator
) -> SequentialDecision:
    """After so many labels of callers who all call once, at the thresholds fitted on dev."""
    fitted = evidence.calibrations
    assert fitted is not None and fitted.champion is not None
    thresholds = fitted.champion.threshold, fitted.candidate.threshold
    return _decision(truth, thresholds, FRESH, labels, level, random)


def _decision(
    truth: Truth,
    thresholds: tuple[float, float],
    traffic: Traffic,
    labels: int,
    level: float,
    random: np.random.Generator,
) -> SequentialDecision:
    calls = draw_calls(truth, thresholds, traffic, CALLS_TO_A_LABEL * labels, random)
    gains = [one.gain for one in calls.first_of_callers().observations(labels)]
    return sequential_test(gains, level).decision


def _is_lower(verdict: Verdict) -> bool:
    return verdict.difference is not None and verdict.difference < 0


def _is_strictly_better(verdict: Verdict) -> bool:
    looked_at = [check for check in verdict.checks if check.finding is not Finding.ABSENT]
    below = verdict.interval is not None and verdict.interval[1] < 0
    return below and all(check.finding is Finding.HOLDS for check in looked_at)


@dataclass(frozen=True)
class SimulatedChallenger:
    """A candidate of known quality at its threshold, beside a champion at another one."""

    truth: Truth
    thresholds: tuple[float, float]  # champion's, candidate's


def challengers() -> dict[str, SimulatedChallenger]:
    """Each at the threshold of its EER; the laxer one trades misses for as many false alarms."""
    champion = true_threshold(np.array(DISTANCES))
    at_eer = {
        truth.name: SimulatedChallenger(truth, (champion, true_threshold(truth.distances)))
        for truth in TRUTHS[:3]
    }
    strict = champion + LAXER
    equal = SimulatedChallenger(TRUTHS[0], (strict, laxer_threshold(strict, np.array(DISTANCES))))
    return {TRUTHS[0].name: at_eer.pop(TRUTHS[0].name), "equal, laxer": equal, **at_eer}


def traffic_cases() -> list[tuple[Traffic, str, SimulatedChallenger]]:
    """Every challenger in every traffic."""
    several = challengers().items()
    return [(traffic, name, challenger) for traffic in TRAFFICS for name, challenger in several]


@dataclass(frozen=True)
class ShadowResult:
    """What came of the shadows of one challenger in one kind of traffic."""

    traffic: Traffic
    challenger: str
    promoted: Rate
    dropped: Rate


def simulate_shadows(
    params: PromotionParams,
    shadows: int,
    labels: int,
    seed: int,
    on_shadow: Callable[[], None] = lambda: None,
) -> list[ShadowResult]:
    """Run `shadows` shadows of each challenger in each traffic, to the end of 14 × `labels` calls.

    The rates are those of whole shadows: a decision at any look counts.
    """
    results = []
    for number, (traffic, name, challenger) in enumerate(traffic_cases()):
        random = np.random.default_rng((seed, number))
        truth, thresholds = challenger.truth, challenger.thresholds
        decisions = []
        for _ in range(shadows):
            decisions.append(
                _decision(truth, thresholds, traffic, labels, params.shadow_level, random)
            )
            on_shadow()
        promoted, dropped = (
            Rate(decisions.count(decision), shadows)
            for decision in (SequentialDecision.PROMOTE, SequentialDecision.DROP)
        )
        results.append(ShadowResult(traffic, name, promoted, dropped))
    return results
