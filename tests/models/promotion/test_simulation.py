"""The gate on pairs whose truth is known: its level holds, and it finds more than a strict one."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from models.evaluation.metrics.eer import eer
from models.params.promotion import PromotionParams
from models.promotion import simulated_pairs
from models.promotion.evidence import EvaluationSet
from models.promotion.sequential import SequentialDecision, sequential_test
from models.promotion.simulated_pairs import (
    DISTANCES,
    TRUTHS,
    Truth,
    balanced_error,
    simulate_pair,
    true_eer,
    true_threshold,
)
from models.promotion.simulated_traffic import CALLS_TO_A_LABEL, TRAFFICS, Traffic, draw_calls
from models.promotion.simulation import (
    Rate,
    TruthResult,
    challengers,
    simulate,
    simulate_shadows,
)
from tests.rates import UNLUCKY, at_least, at_most

pytestmark = pytest.mark.slow

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


def test_a_laxer_threshold_errs_as_much_and_otherwise() -> None:
    lax = challengers()["equal, laxer"]
    distances = np.array(DISTANCES)
    errors = [balanced_error(threshold, distances) for threshold in lax.thresholds]
    assert errors[0] == pytest.approx(errors[1], abs=1e-9)
    assert lax.thresholds[1] < true_threshold(distances) < lax.thresholds[0]


def test_a_pair_is_what_its_truth_says() -> None:
    random = np.random.default_rng(2)
    both = simulate_pair(TRUTHS[2], random).sets[EvaluationSet.FROZEN]
    assert both.champion is not None
    assert (both.candidate.bonafide.size, both.candidate.spoof.size) == (2_000, 2_000)
    assert len(set(both.candidate.clusters)) == 200
    correlation = np.corrcoef(both.candidate.bonafide, both.champion.bonafide)[0, 1]
    assert 0.5 < correlation < 0.7
    assert sum(rows.size for rows in both.slices.values()) == 2_000


@pytest.mark.parametrize("traffic", TRAFFICS, ids=lambda traffic: traffic.name)
def test_calls_are_what_their_traffic_says(traffic: Traffic) -> None:
    random = np.random.default_rng(4)
    better = challengers()["clearly better"]
    calls = draw_calls(better.truth, better.thresholds, traffic, 50_000, random)
    first = calls.first_of_callers()
    callers = 50_000 / traffic.calls_each
    assert 0.6 * callers < first.caller.size <= callers
    assert 1 - first.bonafide.mean() == pytest.approx(traffic.spoofs, abs=0.03)
    assert np.count_nonzero(calls.gains) / 50_000 == pytest.approx(1 / CALLS_TO_A_LABEL, abs=0.04)
    assert calls.gains.mean() > 0
    some = first.observations(labels=40)
    assert 30 < sum(len(one.recordings) for one in some) <= 40


@pytest.mark.parametrize("traffic", TRAFFICS, ids=lambda traffic: traffic.name)
@pytest.mark.parametrize("name", ["equal", "equal, laxer"])
def test_a_whole_shadow_promotes_an_equal_detector_no_more_often_than_its_level(
    name: str, traffic: Traffic
) -> None:
    equal, level, times = challengers()[name], 0.1, 200
    random = np.random.default_rng(6)

    def promotes(*, every_call: bool) -> bool:
        calls = draw_calls(equal.truth, equal.thresholds, traffic, 4_000, random)
        observed = (calls if every_call else calls.first_of_callers()).observations(4_000)
        decision = sequential_test([one.gain for one in observed], level).decision
        return decision is SequentialDecision.PROMOTE

    promoted = sum(promotes(every_call=False) for _ in range(times))
    assert promoted <= at_most(level, times, wrong=2.5 * level)
    if traffic.calls_each > 1 and name == "equal":  # so the traffic is a test
        every = sum(promotes(every_call=True) for _ in range(times))
        assert every > at_most(level, times, wrong=2.5 * level)


def test_shadows_are_simulated_for_every_challenger_in_every_traffic() -> None:
    results = simulate_shadows(PARAMS, 2, 100, 7)
    assert len({(result.traffic.name, result.challenger) for result in results}) == 4 * 4
    assert results == simulate_shadows(PARAMS, 2, 100, 7)
    assert all(result.promoted.pairs == 2 for result in results)


def test_a_rate_has_the_exact_binomial_interval() -> None:
    low, high = Rate(0, 100).interval
    assert low == 0.0
    assert high == pytest.approx(1 - 0.025 ** (1 / 100))
