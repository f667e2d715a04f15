"""Calls become gains that are fair to both detectors, whoever calls and however rare a class is."""

from __future__ import annotations

import numpy as np
import pytest

from models.promotion.live_calls import Call, observations
from models.promotion.sequential import sequential_test
from tests.rates import at_least, at_most

LEVEL, TIMES = 0.05, 300


def sequence(classes: str, gains: dict[int, float]) -> list[Call]:
    """Calls of classes like "bbs", and gains by place."""
    return [
        Call(letter == "b", gains.get(n, 0.0), str(n) if n in gains else "")
        for n, letter in enumerate(classes)
    ]


def test_a_group_has_both_classes_and_weighs_them_equally() -> None:
    (one,) = observations(sequence("bs", {0: 1.0}))
    assert (one.gain, one.recordings) == (0.5, ("0",))
    (both,) = observations(sequence("sb", {0: 1.0, 1: -1.0}))
    assert both.gain == 0.0
    assert set(both.recordings) == {"0", "1"}
    assert list(observations(sequence("bsbsbs", {}))) == []


def test_a_spoof_among_ten_calls_weighs_as_much_as_the_nine_others() -> None:
    calls = sequence("bbbbbbbbbs" * 2, {3: 1.0, 9: -1.0, 14: 1.0})
    first, second = observations(calls)
    assert first.gain == pytest.approx((1 / 9 - 1) / 2)
    assert second.gain == pytest.approx(1 / 9 / 2)


def test_one_class_alone_says_nothing() -> None:
    assert list(observations(sequence("s" * 500, dict.fromkeys(range(500), 1.0)))) == []


def test_what_comes_later_never_changes_an_observation() -> None:
    rng = np.random.default_rng(3)
    classes = "".join(np.where(rng.random(400) < 0.2, "s", "b"))
    calls = sequence(classes, {n: float(rng.choice([-1, 1])) for n in range(0, 400, 7)})
    every = list(observations(calls))
    for stop in range(0, 400, 13):
        some = list(observations(calls[:stop]))
        assert every[: len(some)] == some
    names = [name for one in every for name in one.recordings]
    assert len(names) == len(set(names)) >= 50


@pytest.mark.parametrize("spoofs", [0.5, 0.1])
def test_a_trade_of_one_class_for_the_other_is_no_gain_however_rare_it_is(spoofs: float) -> None:
    """As many errors less on bona fide calls as more on spoofs, in shares of their class."""
    rng = np.random.default_rng(7)

    def promotes(*, by_class: bool) -> bool:
        real = rng.random(2_000) >= spoofs
        gains = np.where(rng.random(2_000) < 0.1, np.where(real, 1.0, -1.0), 0.0)
        values = gains[gains != 0].tolist()
        if by_class:
            columns = zip(real.tolist(), gains.tolist(), strict=True)
            calls = [Call(label, gain, "x" if gain else "") for label, gain in columns]
            values = [one.gain for one in observations(calls)]
        return str(sequential_test(values, LEVEL).decision) == "promote"

    promoted = sum(promotes(by_class=True) for _ in range(TIMES))
    assert promoted <= at_most(LEVEL, TIMES, wrong=3 * LEVEL)
    if spoofs < 0.5:
        every = sum(promotes(by_class=False) for _ in range(TIMES))
        assert every >= at_least(0.99, TIMES, wrong=0.9), "so the calls are a test"


def test_habits_that_are_rare_and_strong_here_and_common_and_weak_there_are_no_gain() -> None:
    """The candidate gains a little with nine callers in ten, and loses as much with the tenth."""
    rng = np.random.default_rng(9)
    callers, rounds = 600, 30

    def gains_of_callers(*, first_disagreement: bool) -> list[float]:
        bad = rng.random(callers) < 0.1
        rates, signs = np.where(bad, 0.45, 0.05), np.where(bad, -1.0, 1.0)
        calls = np.where(rng.random((rounds, callers)) < rates, signs, 0.0)
        if first_disagreement:
            first: dict[int, float] = {}
            for row in calls:
                for caller in rng.permutation(np.flatnonzero(row)).tolist():
                    first.setdefault(caller, float(row[caller]))
            return list(first.values())
        return [float(gain) for gain in calls[0] if gain]

    def promoted(*, first_disagreement: bool) -> int:
        tests = [
            sequential_test(gains_of_callers(first_disagreement=first_disagreement), LEVEL)
            for _ in range(TIMES)
        ]
        return sum(str(test.decision) == "promote" for test in tests)

    assert promoted(first_disagreement=False) <= at_most(LEVEL, TIMES, wrong=3 * LEVEL)
    assert promoted(first_disagreement=True) >= at_least(0.9, TIMES, wrong=0.7)
