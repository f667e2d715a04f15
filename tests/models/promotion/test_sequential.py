"""The sequential test: right however often it is looked at, and able to tell."""

from __future__ import annotations

import numpy as np
import pytest

from models.errors import InputError
from models.promotion import SequentialDecision, sequential_test
from tests.rates import at_least, at_most

LEVEL = 0.05
LABELS, TIMES = 600, 1_500


def drawn(
    random: np.random.Generator, disagreeing: float, won: float, labels: int = LABELS
) -> list[float]:
    """Gains of trials on which the two disagree so often, and the candidate is right so often."""
    draws = random.random(labels)
    return np.where(
        draws < disagreeing * won, 1.0, np.where(draws < disagreeing, -1.0, 0.0)
    ).tolist()


def decisions(disagreeing: float, won: float, times: int = TIMES) -> dict[SequentialDecision, int]:
    random = np.random.default_rng(11)
    results = [
        sequential_test(drawn(random, disagreeing, won), LEVEL).decision for _ in range(times)
    ]
    return {decision: results.count(decision) for decision in SequentialDecision}


@pytest.mark.parametrize("disagreeing", [0.02, 0.1, 0.5, 1.0])
def test_equal_candidates_are_ever_promoted_or_dropped_no_more_often_than_the_level(
    disagreeing: float,
) -> None:
    """A decision that is reached anywhere counts: the same as looking after every label."""
    counts = decisions(disagreeing, 0.5)
    most = at_most(LEVEL, TIMES, wrong=2 * LEVEL)
    assert counts[SequentialDecision.PROMOTE] <= most
    assert counts[SequentialDecision.DROP] <= most


def test_gains_that_depend_on_what_went_before_break_nothing() -> None:
    """After a loss much is at stake, after a gain little: each is fair, and they are not alike."""
    random = np.random.default_rng(5)
    promoted = 0
    for signs in random.choice([-1.0, 1.0], size=(TIMES, LABELS)):
        sizes = np.where(np.roll(signs, 1) < 0, 1.0, 0.1)
        promoted += (
            sequential_test((signs * sizes).tolist(), LEVEL).decision is SequentialDecision.PROMOTE
        )
    assert promoted <= at_most(LEVEL, TIMES, wrong=2 * LEVEL)


def test_a_better_candidate_is_found_and_a_worse_one_dropped_early() -> None:
    better, worse = decisions(0.1, 0.8, times=200), decisions(0.1, 0.2, times=200)
    least = at_least(0.99, 200, wrong=0.9)
    assert better[SequentialDecision.PROMOTE] >= least
    assert better[SequentialDecision.DROP] <= at_most(LEVEL, 200, wrong=3 * LEVEL)
    assert worse[SequentialDecision.DROP] >= least
    random = np.random.default_rng(3)
    results = [sequential_test(drawn(random, 0.1, 0.2), LEVEL) for _ in range(50)]
    assert np.median([result.labels for result in results]) < LABELS / 2


def test_a_decision_stays_whatever_follows_it() -> None:
    reached = sequential_test([1.0] * 20, LEVEL)
    assert reached.decision is SequentialDecision.PROMOTE
    later = sequential_test([1.0] * 20 + [-1.0] * 500, LEVEL)
    assert later == reached
    assert reached.e_value >= reached.needed == 20
    assert reached.labels < 20


def test_without_labels_nothing_is_decided() -> None:
    result = sequential_test([], LEVEL)
    assert (result.decision, result.e_value, result.labels) == (SequentialDecision.GO_ON, 1.0, 0)


def test_a_long_row_of_gains_stays_a_number() -> None:
    assert np.isfinite(sequential_test([0.9] * 5_000, 1e-300).e_value)


@pytest.mark.parametrize("gain", [1.5, -2.0, float("nan")])
def test_gains_beyond_one_are_refused(gain: float) -> None:
    with pytest.raises(InputError, match=r"gain 2: -1 to 1 expected, found"):
        sequential_test([0.5, gain], LEVEL)
    with pytest.raises(InputError, match="level: a share between 0 and 1"):
        sequential_test([0.5], 1.0)
