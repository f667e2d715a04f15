"""Limits from windows of the reference: their rate, their blocks, and what they say of both."""

from __future__ import annotations

import numpy as np
import pytest

from models.errors import InputError
from models.params.drift import DriftParams
from monitoring.blocks import Blocks
from monitoring.limits import StableTraffic, limits_of
from tests.monitoring.traffic import THRESHOLD, calls

PARAMS = DriftParams(window=100)
RNG = np.random.default_rng(1)


def test_rows_of_one_caller_stay_together_and_are_never_on_both_sides() -> None:
    reference = calls(callers=40, per_caller=10, seed=1)
    callers = reference["speaker_id"].to_numpy()

    for window, rest in Blocks.of(reference).windows(100, 20, np.random.default_rng(5)):
        assert len(window) == len(set(window.tolist())) == 100
        assert not set(callers[window]) & set(callers[rest])
        assert len(set(callers[window])) == 10


def test_one_caller_fills_a_tenth_of_a_window_and_no_more_of_the_reference() -> None:
    reference = calls(callers=20, per_caller=20, seed=1)
    reference.loc[:199, "speaker_id"] = "the one who always calls"

    for window, _ in Blocks.of(reference).windows(100, 20, np.random.default_rng(5)):
        assert (window < 200).sum() <= 10
    kept = Blocks.of(reference).thinned(100, np.random.default_rng(5))
    assert (kept < 200).sum() == 10 and (kept >= 200).sum() == 100


@pytest.mark.parametrize("callers", [0, 9])
def test_a_reference_without_enough_callers_says_so_and_what_to_do(callers: int) -> None:
    reference = calls(callers=90, per_caller=4, seed=1)
    reference["speaker_id"] = [f"{i % callers}" if callers else "" for i in range(360)]
    reference["source"] = ""

    blocks = Blocks.of(reference)

    assert len(blocks.rows) == 360
    assert blocks.note is not None and "drawn row by row" in blocks.note
    assert ("has 9 blocks" if callers else "names no day, caller or source") in blocks.note
    assert "train a champion on a corpus whose protocol has speaker_id" in blocks.note


def test_a_day_parts_the_calls_of_a_caller() -> None:
    reference = calls(callers=10, per_caller=10, seed=1).assign(day=["monday", "tuesday"] * 50)
    assert len(Blocks.of(reference).rows) == 20


def test_any_signal_is_over_its_limit_at_the_rate_that_was_asked_for() -> None:
    names = ["level_dbfs", "cm_score", "mmd", "domain_auc"]
    shared = RNG.standard_normal(2_000)
    drawn = {name: shared + RNG.standard_normal(2_000) + 5 for name in names}

    limits, level = limits_of(drawn, names, rate=0.05)

    over = np.any([drawn[name] > limits[name] for name in names], axis=0)
    assert over.mean() == pytest.approx(0.05, abs=0.005)
    assert 0.05 / 4 <= level < 0.05  # correlated signals cost less than under Bonferroni


def test_limits_of_blocks_hold_on_callers_that_they_have_not_seen_and_those_of_rows_do_not() -> (
    None
):
    reference = calls(callers=60, per_caller=10, seed=2)
    nameless = reference.drop(columns=["speaker_id", "source"])

    rates = []
    for frame in (reference, nameless):
        calibration = StableTraffic.of(frame, PARAMS, THRESHOLD, splits=10)
        values = calibration.limits(calibration.drawn).values
        rates.append(_rate(calibration, dict(values)))

    assert rates[0] < 0.15 < 0.5 < rates[1]


def _rate(calibration: StableTraffic, limits: dict[str, float]) -> float:
    """The share of windows of ten new callers each with a signal over its limit."""
    windows = [calls(callers=10, per_caller=10, seed=seed) for seed in range(100, 140)]
    measured = [calibration.reference.measure(window) for window in windows]
    return float(
        np.mean([any(m[name].value > limit for name, limit in limits.items()) for m in measured])
    )


def test_the_realised_rate_of_held_out_callers_is_reported_beside_the_nominal_one() -> None:
    calibration = StableTraffic.of(calls(60, 10, seed=2), PARAMS, THRESHOLD, splits=10)

    document = calibration.to_json(calibration.limits(calibration.drawn))

    assert document["nominal"] == 0.05 and document["blocks"] == 60
    assert 0.0 <= document["realised"] <= 0.5
    assert document["note"] is None


def test_a_reference_smaller_than_two_windows_is_drawn_from_in_smaller_ones() -> None:
    calibration = StableTraffic.of(calls(30, 4, seed=2), PARAMS, THRESHOLD, splits=10)
    assert calibration.window == 48  # of 120 trials


def test_a_reference_of_a_few_trials_is_refused_with_what_to_do() -> None:
    with pytest.raises(InputError, match=r"has 19 trials, 20 are needed .* more eval trials"):
        StableTraffic.of(calls(19, 1, seed=2), PARAMS)
    assert StableTraffic.of(calls(20, 1, seed=2), PARAMS, splits=5).window == 8
