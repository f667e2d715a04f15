"""Labels become observations that favour neither detector."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from flows.rollout.gains import class_weights, gains, judged
from infra.shadows import Disagreement
from models.promotion.sequential import sequential_test
from tests.rates import at_most

EVEN = {"bonafide": 1.0, "spoof": 1.0}
LEVEL = 0.02


def disagreement(
    name: str, truth: str | None, challenger: str = "spoof", **fields: object
) -> Disagreement:
    champion = "bonafide" if challenger == "spoof" else "spoof"
    item = Disagreement(name, name, name, champion, challenger, True, None, None, truth)
    return replace(item, **fields)  # type: ignore[arg-type]


def test_labels_count_in_the_order_of_hearing_up_to_the_first_that_waits() -> None:
    items = [disagreement("a", "spoof"), disagreement("b", None), disagreement("c", "spoof")]
    assert [item.request_id for item in judged(items, set())] == ["a"]
    items[1] = disagreement("b", "bonafide")
    assert [item.request_id for item in judged(items, {"a"})] == ["b", "c"]


def test_what_nobody_can_judge_holds_up_nobody() -> None:
    items = [disagreement("a", None, has_audio=False), disagreement("b", "spoof")]
    assert [item.request_id for item in judged(items, set())] == ["b"]


def test_what_a_reviewer_threw_away_has_no_vote_and_holds_up_nobody() -> None:
    items = [disagreement("a", None, state="rejected"), disagreement("b", "spoof")]
    assert [item.request_id for item in judged(items, set())] == ["b"]


def test_a_label_speaks_for_whoever_said_it() -> None:
    new = [
        disagreement("a", "spoof"),
        disagreement("b", "bonafide"),
        disagreement("c", "bonafide", "bonafide"),
    ]
    assert gains(new, EVEN) == [1.0, -1.0, 1.0]


def test_one_caller_is_one_observation_of_a_look() -> None:
    many = [disagreement(str(n), "spoof", cluster="caller") for n in range(9)]
    other = disagreement("x", "bonafide", cluster="caller")
    assert gains([*many, other], EVEN) == [pytest.approx(0.8)]
    assert gains([*many, disagreement("y", "bonafide")], EVEN) == [1.0, -1.0]


def test_a_class_weighs_as_the_rarer_one_to_it() -> None:
    items = [disagreement("a", "spoof"), disagreement("b", "bonafide"), disagreement("c", None)]
    weights = class_weights({"bonafide": 199, "spoof": 19}, items)
    assert weights == {"bonafide": 0.1, "spoof": 1.0}
    assert gains(items[:2], weights) == [1.0, -0.1]


def test_where_only_one_class_is_heard_nothing_is_decided() -> None:
    items = [disagreement(str(n), "spoof") for n in range(500)]
    weights = class_weights({}, items)
    assert weights == {"bonafide": 0.0, "spoof": 0.0}
    assert set(gains(items, weights)) == {0.0}
    assert sequential_test(gains(items, weights), LEVEL).decision == "go on"


def promoted(rng: np.random.Generator, *, by_flags_alone: bool) -> bool:
    """Equal detectors, and users who flag four in five of the champion's errors and no others."""
    items = []
    for number in range(120):
        truth = "spoof" if rng.random() < 0.5 else "bonafide"
        challenger = (
            truth if rng.random() < 0.5 else {"spoof": "bonafide", "bonafide": "spoof"}[truth]
        )
        flagged = challenger == truth and rng.random() < 0.8
        reviewed = flagged or not by_flags_alone
        items.append(disagreement(str(number), truth if reviewed else None, challenger))
    flags = [item for item in items if item.truth is not None]
    counted = flags if by_flags_alone else judged(items, set())
    weights = class_weights({"bonafide": 100, "spoof": 100}, items)
    return str(sequential_test(gains(counted, weights), LEVEL).decision) == "promote"


def test_flags_of_errors_alone_would_promote_an_equal_detector_and_the_order_heard_does_not() -> (
    None
):
    rng = np.random.default_rng(5)
    assert all(promoted(rng, by_flags_alone=True) for _ in range(20))
    times = sum(promoted(rng, by_flags_alone=False) for _ in range(500))
    assert times <= at_most(LEVEL, 500, wrong=3 * LEVEL)
