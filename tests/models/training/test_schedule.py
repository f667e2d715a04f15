from __future__ import annotations

from itertools import pairwise

import pytest

from models.params.learning import ScheduleParams
from models.params.training import TrainingParams
from models.training.schedule import SHAPES, learning_rate


def rates(steps: int, shape: str = "cosine", warmup: float = 0.0) -> list[float]:
    schedule = ScheduleParams(shape=shape, warmup=warmup)
    training = TrainingParams(learning_rate=1e-3, final_learning_rate=1e-5, schedule=schedule)
    return [learning_rate(step, steps, training) for step in range(steps)]


def test_the_rate_falls_along_half_a_cosine() -> None:
    curve = rates(5)
    assert curve[0] == pytest.approx(1e-3)
    assert curve[2] == pytest.approx((1e-3 + 1e-5) / 2)
    assert curve[4] == pytest.approx(1e-5)
    assert curve == sorted(curve, reverse=True)


@pytest.mark.parametrize("shape", SHAPES)
def test_every_rate_lies_between_the_lowest_and_the_highest(shape: str) -> None:
    curve = rates(201, shape)
    assert all(1e-5 <= rate <= 1e-3 + 1e-12 for rate in curve)
    assert max(curve) == pytest.approx(1e-3)
    assert shape == "constant" or min(curve) == pytest.approx(1e-5)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_single_step_has_a_rate(shape: str) -> None:
    assert rates(1, shape)[0] > 0


def test_one_cycle_rises_for_three_tenths_and_falls() -> None:
    curve = rates(101, "one-cycle")
    assert curve[0] == curve[-1] == pytest.approx(1e-5)
    assert curve.index(max(curve)) == 30
    assert curve[:31] == sorted(curve[:31])
    assert curve[30:] == sorted(curve[30:], reverse=True)


def test_triangles_rise_and_fall_evenly() -> None:
    curve = rates(201, "triangular")  # four of them
    assert curve[25] == curve[75] == curve[175] == pytest.approx(1e-3)
    assert curve[0] == curve[50] == curve[200] == pytest.approx(1e-5)
    assert curve[10] == pytest.approx(1e-5 + 0.4 * (1e-3 - 1e-5))


def test_restarts_begin_each_cycle_at_the_top() -> None:
    curve = rates(201, "restarts")  # four cycles
    assert curve[0] == curve[50] == curve[150] == pytest.approx(1e-3)
    assert curve[49] < 2e-5
    assert curve[200] == pytest.approx(1e-5)
    assert curve[:50] == sorted(curve[:50], reverse=True)


@pytest.mark.parametrize("shape", SHAPES)
def test_warming_up_rises_evenly_and_leaves_the_shape_for_the_rest(shape: str) -> None:
    curve = rates(110, shape, warmup=10 / 110)
    steps = [after - before for before, after in pairwise(curve[:10])]
    assert all(step == pytest.approx(1e-3 / 11) for step in steps)
    assert curve[10:] == pytest.approx(rates(100, shape))


@pytest.mark.parametrize("shape", SHAPES)
def test_a_rate_below_the_lowest_stays(shape: str) -> None:
    training = TrainingParams(
        learning_rate=1e-6, final_learning_rate=5e-6, schedule=ScheduleParams(shape=shape)
    )
    assert {learning_rate(step, 20, training) for step in range(20)} == {1e-6}
