"""What is saved, and what the gate makes of it."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from models.evaluation.costs import Cost, Costs
from models.evaluation.scores import Scores
from models.params.promotion import MarginParams, PromotionParams
from models.promotion import Evidence, judge

ALLOWED = PromotionParams(resamples=200, cheaper_margin=0.02, cheaper_saving=0.3)
HALF = Costs(Cost(100.0, 1_000_000), Cost(200.0, 1_000_000))
SAME = Costs(Cost(180.0, 1_000_000), Cost(200.0, 1_000_000))


def scores(noise: float = 0.0, worse: float = 0.0) -> Scores:
    """Scores of 400 trials of 40 speakers; `worse` of the spoofs move up beyond all."""
    random = np.random.default_rng(3)
    bonafide = np.arange(400) % 2 == 0
    values = 3.0 * bonafide + random.normal(size=400)
    values += noise * np.random.default_rng(4).normal(size=400)
    values[np.flatnonzero(~bonafide)[: int(200 * worse)]] += 9.0
    names = tuple(f"u{row}" for row in range(400))
    attacks = tuple(None if real else "A1" for real in bonafide)
    return Scores(names, attacks, values, tuple(f"s{row // 10}" for row in range(400)))


def paid(evidence: Evidence, costs: Costs | None) -> Evidence:
    return replace(evidence, costs=costs)


def test_what_is_saved_is_the_larger_of_latency_and_size() -> None:
    assert HALF.saving == 0.5
    assert Costs(Cost(200.0, 250_000), Cost(100.0, 1_000_000)).saving == 0.75
    assert Costs(Cost(100.0, 1)).saving == 0.0


def test_a_cheaper_candidate_that_errs_as_much_is_promoted_where_params_allow_it() -> None:
    equal = paid(Evidence.of_scores(scores(), scores(noise=0.01)), HALF)
    verdict = judge(equal, ALLOWED)
    assert verdict.promote
    assert verdict.reason.startswith("50 % is saved, and the EER does not rise beyond the margin")
    assert not judge(equal, PromotionParams(resamples=200)).promote  # off by default


@pytest.mark.parametrize("costs", [None, SAME, Costs(Cost(1.0, 1))])
def test_one_that_saves_too_little_must_err_less(costs: Costs | None) -> None:
    verdict = judge(paid(Evidence.of_scores(scores(), scores(noise=0.01)), costs), ALLOWED)
    assert not verdict.promote
    assert verdict.reason.startswith("the EER does not fall beyond chance")


def test_no_saving_pays_for_an_eer_beyond_the_margin_or_for_one_attack() -> None:
    worse = judge(paid(Evidence.of_scores(scores(), scores(worse=0.15)), HALF), ALLOWED)
    assert not worse.promote
    assert "2 are allowed to a cheaper one" in worse.reason
    lax = PromotionParams(resamples=200, cheaper_margin=0.9, margins=MarginParams(attack=0.02))
    vetoed = judge(paid(Evidence.of_scores(scores(), scores(worse=0.3)), HALF), lax)
    assert [check.name for check in vetoed.vetoes] == ["A1"]
    assert not vetoed.promote
    assert vetoed.reason.startswith("50 % is saved")
    assert "but the EER of attack A1 rises from" in vetoed.reason


def test_costs_are_in_the_verdict_whatever_it_says() -> None:
    for champion in (scores(), None):
        evidence = paid(Evidence.of_scores(champion, scores(noise=0.01)), HALF)
        verdict = judge(evidence, PromotionParams(resamples=200))
        document = json.loads(json.dumps(verdict.to_json()))
        assert document["costs"]["candidate"] == {
            "latency_ms": 100.0,
            "bytes": 1_000_000,
            "memory_bytes": None,
        }
    without = judge(Evidence.of_scores(None, scores()), PromotionParams())
    assert "costs" not in without.to_json()
