"""The gate on pairs whose truth is known: its level holds, and it finds more than a strict one."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from models.evaluation.metrics.eer import eer
from models.params.promotion import PromotionParams
from models.promotion import simulated_pairs
from models.promotion.evidence import EvaluationSet
from models.promotion.simulated_pairs import DISTANCES, TRUTHS, Truth, simulate_pair, true_eer
from models.promotion.simulation import Rate, TruthResult, simulate
from tests.rates import UNLUCKY, at_least, at_most

PARAMS = PromotionParams(resamples=200)


def outcome_of(truth: Truth, pairs: int) -> TruthResult:
    """On smaller sets than those of the command: 1,200 trials of 60 speakers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(simulated_pairs, "SPEAKERS", 60)
        patch.setattr(simulated_pairs, "DEV_SPEAKERS", 40)
        [outcome] = simulate(PARAMS, pairs, 300, 7, [truth])
    return outcome


def test_equal_models_are_promoted_no_more_often_than_the_level() -> None:
    pairs = 320
    promoted = outcome_of(Truth("equal"), pairs).promoted
    direct, level = PARAMS.direct_level, PARAMS.level
    assert promoted["ours at once"].count <= at_most(direct, pairs, wrong=3 * direct)
    assert promoted["ours in all"].count <= at_most(level, pairs, wrong=3 * level)
    assert promoted["naive"].count >= at_least(0.44, pairs, wrong=0.3)  # so the pairs are a test


def test_better_models_are_found_more_often_than_by_a_strict_gate() -> None:
    pairs = 80
    promoted = outcome_of(Truth("slightly better", 0.3), pairs).promoted
    strict, direct, in_all = (promoted[g] for g in ("strict", "ours at once", "ours in all"))
    assert strict.count <= direct.count <= in_all.count
    # more than a gate that finds no more than the strict one would reach by luck
    assert in_all.count > binom.isf(UNLUCKY, pairs, strict.share)


def test_one_broken_attack_vetoes_a_better_average() -> None:
    [outcome] = simulate(PARAMS, 6, 300, 7, TRUTHS[-1:])
    assert outcome.truth.gain > 0
    assert outcome.promoted["naive"].count >= 3
    assert outcome.promoted["ours in all"].count == outcome.promoted["ours in shadow"].count == 0


def test_the_true_eer_is_what_many_trials_come_to() -> None:
    random = np.random.default_rng(1)
    spoofs = random.normal(size=400_000) - np.resize(DISTANCES, 400_000)
    measured = eer(random.normal(size=400_000), spoofs)
    assert true_eer(np.array(DISTANCES)) == pytest.approx(measured, abs=2e-3)
    assert Truth("better", 0.3).gain > 0 > Truth("worse", -0.3).gain
    assert Truth("equal").gain == 0


def test_a_pair_is_what_its_truth_says() -> None:
    random = np.random.default_rng(2)
    drawn = [simulate_pair(TRUTHS[2], random, 500) for _ in range(3)]
    for pair in drawn:
        both = pair.evidence.sets[EvaluationSet.FROZEN]
        assert both.champion is not None
        assert (both.candidate.bonafide.size, both.candidate.spoof.size) == (2_000, 2_000)
        assert len(set(both.candidate.clusters)) == 200
        correlation = np.corrcoef(both.candidate.bonafide, both.champion.bonafide)[0, 1]
        assert 0.5 < correlation < 0.7
        assert sum(rows.size for rows in both.slices.values()) == 2_000
        assert pair.gains.size == 500
        assert set(pair.gains.tolist()) == {-1.0, 1.0}
    assert np.mean([pair.gains.mean() for pair in drawn]) > 0.05
    again = simulate_pair(TRUTHS[2], np.random.default_rng(2), 500)
    assert np.array_equal(again.gains, drawn[0].gains)


def test_a_rate_has_the_exact_binomial_interval() -> None:
    low, high = Rate(0, 100).interval
    assert low == 0.0
    assert high == pytest.approx(1 - 0.025 ** (1 / 100))
