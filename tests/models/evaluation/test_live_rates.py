"""Live error rates from a sample with known probabilities."""

from __future__ import annotations

import numpy as np
import pytest

from models.evaluation.live_rates import LiveTrial, live_rates, weighted_eer, wilson
from models.evaluation.metrics.eer import eer


def test_equal_weights_give_the_eer_of_the_trials() -> None:
    rng = np.random.default_rng(1)
    bonafide, spoof = rng.normal(1.0, 1.0, 300), rng.normal(-1.0, 1.0, 200)
    scores = np.concatenate([bonafide, spoof])
    labels = np.arange(500) < 300
    assert weighted_eer(scores, labels, np.full(500, 7.0)) == pytest.approx(
        eer(bonafide, spoof), abs=0.005
    )


def test_a_rate_weighs_each_trial_by_its_probability() -> None:
    trials = [
        LiveTrial(1.0, True, True, 0.1, "a"),  # stands for ten calls
        LiveTrial(-1.0, False, True, 1.0, "b"),  # for itself
        LiveTrial(-1.0, False, False, 0.5, "c"),
    ]
    rates = live_rates(trials, 0.95, 200, 1)
    assert rates.miss is not None and rates.false_alarm is not None
    assert rates.miss.value == pytest.approx(1 / 11)
    assert (rates.false_alarm.value, rates.false_alarm.errors) == (0.0, 0)
    assert rates.false_alarm.high > 0.5, "one spoof refused proves little"


def test_wilson_is_the_textbook_interval() -> None:
    # Newcombe (1998), table I: 81 of 263, and 0 of 20
    assert wilson(81, 263, 0.95) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(0, 20, 0.95) == pytest.approx((0.0, 0.1611), abs=5e-5)


def test_calls_of_few_callers_give_a_wider_interval() -> None:
    def rates_of(callers: int) -> float:
        trials = [
            LiveTrial(0.0, number % callers >= 0.3 * callers, True, 0.1, str(number % callers))
            for number in range(200)
        ]
        rate = live_rates(trials, 0.95, 500, 1).miss
        assert rate is not None
        return (rate.high - rate.low) / rate.value

    assert rates_of(10) > 2 * rates_of(200)


def test_nothing_is_said_of_a_class_that_was_not_drawn() -> None:
    assert live_rates([], 0.95, 100, 1).eer is None
    only_spoofs = live_rates([LiveTrial(0.0, True, False, 0.5, "a")], 0.95, 100, 1)
    assert (only_spoofs.miss, only_spoofs.eer) == (None, None)


@pytest.mark.parametrize("share", [0.05])
def test_the_interval_covers_the_rate_of_all_traffic(share: float) -> None:
    rng = np.random.default_rng(2)
    labels = rng.random(8000) < 0.7
    scores = np.where(labels, rng.normal(1.2, 1.0, 8000), rng.normal(-1.2, 1.0, 8000))
    truth = float(np.mean(scores[labels] < 0.0))
    covered = 0
    for seed in range(60):
        drawn = np.flatnonzero(np.random.default_rng(seed).random(8000) < share)
        trials = [
            LiveTrial(scores[row], bool(scores[row] >= 0.0), bool(labels[row]), share, str(row))
            for row in drawn
        ]
        rate = live_rates(trials, 0.9, 2, seed).miss
        assert rate is not None
        covered += rate.low <= truth <= rate.high
    assert covered >= 48  # 54 expected; 47 or fewer come once in a hundred times
