"""Krippendorff's α against the example that its author published."""

from __future__ import annotations

import pytest

from models.evaluation.agreement import agreement

# Krippendorff (2011), section C: four observers, twelve units, nominal, α = 0.743
PUBLISHED = (
    "1 2 3 3 2 1 4 1 2 . . .",
    "1 2 3 3 2 2 4 1 2 5 . 3",
    ". 3 3 3 2 3 4 2 2 5 1 .",
    "1 2 3 3 2 4 4 1 2 5 1 .",
)


def units() -> list[dict[str, str]]:
    rows = [line.split() for line in PUBLISHED]
    return [
        {f"observer {row}": labels[unit] for row, labels in enumerate(rows) if labels[unit] != "."}
        for unit in range(12)
    ]


def test_alpha_is_that_of_the_published_example() -> None:
    agreed = agreement(units(), 0.95, 500, 1)
    assert agreed is not None
    assert agreed.alpha == pytest.approx(0.743, abs=0.0005)
    assert (agreed.items, agreed.people) == (11, 4), "one unit has one label alone"
    assert agreed.low < agreed.alpha < agreed.high <= 1.0


def test_people_who_agree_have_an_alpha_of_one_and_opposites_less_than_none() -> None:
    same = [{"ann": label, "bo": label} for label in ("spoof", "bonafide") * 5]
    opposite = [{"ann": label, "bo": other} for label, other in [("x", "y"), ("y", "x")] * 5]
    agreed, opposed = agreement(same, 0.9, 50, 1), agreement(opposite, 0.9, 50, 1)
    assert agreed is not None and agreed.alpha == agreed.low == 1.0
    assert opposed is not None and opposed.alpha < 0.0


@pytest.mark.parametrize("items", [[], [{"ann": "spoof"}], [{"ann": "spoof", "bo": "spoof"}]])
def test_without_two_people_and_two_labels_there_is_no_alpha(items: list[dict[str, str]]) -> None:
    assert agreement(items, 0.95, 50, 1) is None
