"""DeLong's test: the AUC as it is, the variance by definition, the p-value at its level."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from models.errors import InputError
from models.evaluation.metrics.auc import auc
from models.evaluation.metrics.delong import auc_difference
from tests.rates import at_least, at_most


def drawn(seed: int, gain: float = 0.0, count: int = 60) -> list[tuple[NDArray[np.float64], ...]]:
    """(bona fide, spoof) of two detectors that share half of their noise."""
    random = np.random.default_rng(seed)
    shared = random.normal(size=2 * count)
    sides = (shared + random.normal(size=2 * count) for _ in range(2))
    return [
        (side[:count] + 1.5 + extra, side[count:])
        for side, extra in zip(sides, (0.0, gain), strict=True)
    ]


def by_definition(
    champion: tuple[NDArray[np.float64], ...], candidate: tuple[NDArray[np.float64], ...]
) -> float:
    """The variance of the difference from the matrix of wins, pair by pair."""
    wins = [
        np.heaviside(bonafide[:, None] - spoof[None], 0.5)
        for bonafide, spoof in (champion, candidate)
    ]
    gained = wins[1] - wins[0]
    bonafide, spoof = gained.shape
    return float(
        np.var(gained.mean(axis=1), ddof=1) / bonafide + np.var(gained.mean(axis=0), ddof=1) / spoof
    )


@pytest.mark.parametrize("digits", [10, 0])
def test_aucs_and_their_variance_are_those_of_all_pairs_of_trials(digits: int) -> None:
    champion, candidate = (
        (bonafide.round(digits), spoof.round(digits)) for bonafide, spoof in drawn(1, 0.4)
    )
    difference = auc_difference(champion, candidate)
    assert difference.champion == pytest.approx(auc(*champion))
    assert difference.candidate == pytest.approx(auc(*candidate))
    assert difference.difference == pytest.approx(difference.candidate - difference.champion)
    assert difference.deviation**2 == pytest.approx(by_definition(champion, candidate))


def test_equal_detectors_are_told_apart_as_often_as_the_level_says() -> None:
    times, level = 1_000, 0.05
    below = 0
    for seed in range(times):
        champion, candidate = drawn(seed)
        below += auc_difference(champion, candidate).p < level
    assert at_least(level, times, wrong=0.4 * level) <= below
    assert below <= at_most(level, times, wrong=2 * level)


def test_a_better_detector_has_a_small_p_and_the_same_one_has_1() -> None:
    champion, candidate = drawn(3, 2.0)
    assert auc_difference(champion, candidate).p < 1e-3
    same = auc_difference(champion, champion)
    assert (same.difference, same.p) == (0.0, 1.0)
    split = np.array([1.0, 2.0]), np.array([-1.0, -2.0])
    reversed_ = auc_difference(split, (split[1], split[0]))
    assert (reversed_.difference, reversed_.deviation, reversed_.p) == (-1.0, 0.0, 0.0)


def test_a_single_trial_of_a_class_is_refused() -> None:
    one = np.array([1.0]), np.array([0.0, 0.5])
    with pytest.raises(InputError, match="two trials of each class expected, found 1 bona fide"):
        auc_difference(one, one)
