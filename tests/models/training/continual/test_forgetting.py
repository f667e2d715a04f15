from __future__ import annotations

import json
from pathlib import Path

import pytest

from models.errors import InputError
from models.training.continual.forgetting import ForgettingMatrix
from models.training.continual.picture import draw_forgetting

# A1 is learnt in the first stage, A2 in the second, A3 in the last, A4 never
MATRIX = ForgettingMatrix(
    ("one", "two", "three"),
    (
        {"A1": 0.10, "A2": 0.40, "A3": 0.45, "A4": 0.3},
        {"A1": 0.04, "A2": 0.05, "A3": 0.30, "A4": 0.3},
        {"A1": 0.20, "A2": 0.03, "A3": 0.01, "A4": 0.3},
    ),
    {"A1": 0, "A2": 1, "A3": 2},
)


def test_forgetting_is_measured_from_the_best_stage_before_the_last() -> None:
    lost_one, lost_two = 0.20 - 0.04, 0.03 - 0.05
    assert MATRIX.average_forgetting == pytest.approx((lost_one + lost_two) / 2)


def test_backward_transfer_is_measured_from_the_stage_that_learnt() -> None:
    assert MATRIX.backward_transfer == pytest.approx(((0.10 - 0.20) + (0.05 - 0.03)) / 2)


def test_forward_transfer_is_measured_just_before_an_attack_is_learnt() -> None:
    assert MATRIX.forward_transfer() == pytest.approx(((0.5 - 0.40) + (0.5 - 0.30)) / 2)
    assert MATRIX.forward_transfer({"A2": 0.6, "A3": 0.2}) == pytest.approx((0.2 - 0.1) / 2)


def test_the_mean_is_over_all_attacks_after_the_last_stage() -> None:
    assert MATRIX.mean_eer == pytest.approx((0.20 + 0.03 + 0.01 + 0.3) / 4)


def test_attacks_stand_in_the_order_they_were_learnt_from() -> None:
    assert MATRIX.attacks == ("A1", "A2", "A3", "A4")
    assert list(MATRIX.rows()[0]) == ["stage", "A1", "A2", "A3", "A4"]


def test_of_one_stage_nothing_can_be_said_but_its_mean() -> None:
    alone = ForgettingMatrix(("candidate",), ({"A1": 0.2},), {"A1": 0})
    assert alone.mean_eer == 0.2
    assert alone.average_forgetting is alone.backward_transfer is alone.forward_transfer() is None


def test_an_attack_that_was_not_measured_in_some_stage_is_left_out_of_it() -> None:
    partly = ForgettingMatrix(("a", "b"), ({"A1": 0.1}, {"A1": 0.2, "A2": 0.3}), {"A1": 0, "A2": 0})
    assert partly.average_forgetting == pytest.approx(0.1)
    assert partly.rows()[0] == {"stage": "a", "A1": 0.1, "A2": ""}


def test_stages_without_figures_are_refused() -> None:
    with pytest.raises(InputError, match="EERs of each of 2 stages expected, found 1"):
        ForgettingMatrix(("a", "b"), ({"A1": 0.1},), {})


def test_a_report_holds_table_and_measures_as_json() -> None:
    document = json.loads(json.dumps(MATRIX.to_json()))
    assert document["eer"][2] == {"A1": 0.20, "A2": 0.03, "A3": 0.01, "A4": 0.3}
    assert document["average_forgetting"] == pytest.approx(0.07)


def test_the_picture_is_the_same_bytes_for_the_same_table(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        draw_forgetting(MATRIX, tmp_path / name)
    picture = (tmp_path / "a.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert picture == (tmp_path / "b.png").read_bytes()


def test_an_attack_named_like_a_formula_is_drawn_as_it_is_called(tmp_path: Path) -> None:
    odd = ForgettingMatrix(("a $stage$",), ({r"$\frac{": 0.1},), {r"$\frac{": 0})
    draw_forgetting(odd, tmp_path / "odd.png")
    assert (tmp_path / "odd.png").read_bytes().startswith(b"\x89PNG")
