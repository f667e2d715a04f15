"""Labels become observations that favour neither detector."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from flows.rollout.gains import new_observations
from infra.field_samples import SampleState
from infra.shadow_calls import Disagreement
from models.promotion.sequential import sequential_test
from tests.rates import at_most

LEVEL = 0.02
ACCEPTED = str(SampleState.ACCEPTED)


def disagreement(
    name: str, truth: str | None, challenger: str = "spoof", **fields: object
) -> Disagreement:
    champion = "bonafide" if challenger == "spoof" else "spoof"
    state = None if truth is None else ACCEPTED
    item = Disagreement(name, name, champion, challenger, True, None, state, truth)
    return replace(item, **fields)  # type: ignore[arg-type]


def counted(calls: list[str | Disagreement], *earlier: str) -> list[str]:
    return [name for new in new_observations(calls, earlier) for name in new.recordings]


def test_labels_count_in_the_order_of_hearing_up_to_the_first_that_waits() -> None:
    one, waiting, two = (
        disagreement("a", "spoof"),
        disagreement("b", None),
        disagreement("c", "bonafide"),
    )
    assert counted([one, "bonafide", waiting, "spoof", two]) == ["a"]
    labelled = disagreement("b", "bonafide")
    assert counted([one, "bonafide", labelled, "spoof", two, "spoof"], "a") == ["b", "c"]


def test_what_nobody_can_judge_holds_up_nobody() -> None:
    lost = disagreement("a", None, has_audio=False)
    thrown_away = disagreement("b", None, state=str(SampleState.REJECTED))
    assert counted([lost, thrown_away, disagreement("c", "spoof"), "bonafide"]) == ["c"]


def test_a_label_speaks_for_whoever_said_it() -> None:
    for truth, challenger, gain in (
        ("spoof", "spoof", 0.5),
        ("spoof", "bonafide", -0.5),
        ("bonafide", "bonafide", 0.5),
    ):
        other = "bonafide" if truth == "spoof" else "spoof"
        (observation,) = new_observations([disagreement("a", truth, challenger), other], ())
        assert observation.gain == gain


def test_a_label_counts_once() -> None:
    calls = ["bonafide", disagreement("a", "spoof"), disagreement("b", "bonafide"), "spoof"]
    first = new_observations(calls[:2], ())
    assert [new.gain for new in first] == [0.5]
    (second,) = new_observations(calls, {"a"})
    assert (second.gain, second.recordings) == (-0.5, ("b",))


def promoted(rng: np.random.Generator, *, by_flags_alone: bool) -> bool:
    """Equal detectors, and users who flag four in five of the champion's errors and no others."""
    calls: list[str | Disagreement] = []
    for number in range(300):
        truth = "spoof" if rng.random() < 0.5 else "bonafide"
        challenger = (
            truth if rng.random() < 0.5 else {"spoof": "bonafide", "bonafide": "spoof"}[truth]
        )
        flagged = challenger == truth and rng.random() < 0.8
        if flagged or not by_flags_alone:
            calls.append(disagreement(str(number), truth, challenger))
    gains = [new.gain for new in new_observations(calls, ())]
    return str(sequential_test(gains, LEVEL).decision) == "promote"


def test_flags_of_errors_alone_would_promote_an_equal_detector_and_the_order_heard_does_not() -> (
    None
):
    rng = np.random.default_rng(5)
    assert all(promoted(rng, by_flags_alone=True) for _ in range(20))
    times = sum(promoted(rng, by_flags_alone=False) for _ in range(500))
    assert times <= at_most(LEVEL, 500, wrong=3 * LEVEL)
