"""The evidence of a call is calibrated: overlap and silence count nothing, likeness counts."""

from __future__ import annotations

import numpy as np
import pytest

from models.evaluation.policies import Policy, SpeechVerdict
from models.evaluation.running import Boundaries, RepeatedTest, RunningEvidence


def evidence(correlation: float, *windows: tuple[float, float]) -> float:
    running = RunningEvidence(correlation)
    for llr, amount in windows:
        running.add(llr, amount)
    return running.llr


def test_one_window_is_as_sure_as_itself_and_a_part_of_one_less() -> None:
    assert evidence(0.5, (-3.0, 1.0)) == -3.0
    assert evidence(0.5, (-3.0, 0.25)) == -0.75
    assert evidence(0.5) == 0.0


def test_independent_windows_add_up_and_equal_ones_do_not() -> None:
    windows = [(2.0, 1.0)] * 10
    assert evidence(0.0, *windows) == pytest.approx(20.0)
    assert evidence(1.0, *windows) == pytest.approx(2.0)
    assert evidence(0.25, *[(2.0, 1.0)] * 10_000) == pytest.approx(8.0, rel=0.01)


def test_overlap_changes_nothing() -> None:
    assert evidence(0.5, *[(2.0, 0.25)] * 16) == pytest.approx(evidence(0.5, *[(2.0, 1.0)] * 4))


def test_the_rule_is_the_llr_of_gaussian_windows_that_correlate() -> None:
    """Against the densities: mean ±m, variance 2m, each two windows correlated by ρ."""
    count, correlation, llr_mean = 6, 0.4, 1.5
    rng = np.random.default_rng(1)
    covariance = 2 * llr_mean * ((1 - correlation) * np.eye(count) + correlation)
    inverse = np.linalg.inv(covariance)
    llr = rng.multivariate_normal(np.full(count, llr_mean), covariance)
    distances = [llr - sign * llr_mean for sign in (-1, 1)]
    spoof, bonafide = (float(-0.5 * d @ inverse @ d) for d in distances)
    assert evidence(correlation, *((one, 1.0) for one in llr)) == pytest.approx(bonafide - spoof)


def test_the_test_is_sure_beyond_the_policy_by_the_odds_of_its_error() -> None:
    boundaries = Boundaries.around(Policy("p", -1.0, 1.0), 0.01)
    margin = np.log(99)
    assert boundaries.sure_of(-1.0 - margin) is SpeechVerdict.SPOOF
    assert boundaries.sure_of(1.0 + margin) is SpeechVerdict.BONAFIDE
    assert boundaries.sure_of(-margin) is None and boundaries.sure_of(margin) is None


def test_a_test_that_was_sure_begins_anew_and_hears_another_voice() -> None:
    test = RepeatedTest(Boundaries.around(Policy("p", 0.0, 0.0), 0.01), 0.7)
    first = [test.add(5.0, 1.0) for _ in range(20)]
    assert SpeechVerdict.BONAFIDE in first and SpeechVerdict.SPOOF not in first
    assert SpeechVerdict.SPOOF in [test.add(-5.0, 1.0) for _ in range(2)]
