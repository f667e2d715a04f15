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
    found = rates(5)
    assert found[0] == pytest.approx(1e-3)
    assert found[2] == pytest.approx((1e-3 + 1e-5) / 2)
    assert found[4] == pytest.approx(1e-5)
    assert found == sorted(found, reverse=True)


@pytest.mark.parametrize("shape", SHAPES)
def test_every_rate_lies_between_the_lowest_and_the_highest(shape: str) -> None:
    found = rates(101, shape)
    assert all(1e-5 <= rate <= 1e-3 + 1e-12 for rate in found)
    assert max(found) == pytest.approx(1e-3)
    assert shape == "constant" or min(found) == pytest.approx(1e-5)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_single_step_has_a_rate(shape: str) -> None:
    assert rates(1, shape)[0] > 0


def test_one_cycle_rises_for_three_tenths_and_falls() -> None:
    found = rates(101, "one-cycle")
    assert found[0] == found[-1] == pytest.approx(1e-5)
    assert found.index(max(found)) == 30
    assert found[:31] == sorted(found[:31])
    assert found[30:] == sorted(found[30:], reverse=True)


def test_triangles_rise_and_fall_evenly() -> None:
    found = rates(201, "triangular")  # four of them
    assert found[25] == found[75] == found[175] == pytest.approx(1e-3)
    assert found[0] == found[50] == found[200] == pytest.approx(1e-5)
    assert found[10] == pytest.approx(1e-5 + 0.4 * (1e-3 - 1e-5))


def test_restarts_begin_each_cycle_at_the_top() -> None:
    found = rates(201, "restarts")  # four cycles
    assert found[0] == found[50] == found[150] == pytest.approx(1e-3)
    assert found[49] < 2e-5
    assert found[200] == pytest.approx(1e-5)
    assert found[:50] == sorted(found[:50], reverse=True)


@pytest.mark.parametrize("shape", SHAPES)
def test_warming_up_rises_evenly_and_leaves_the_shape_for_the_rest(shape: str) -> None:
    found = rates(110, shape, warmup=10 / 110)
    steps = [after - before for before, after in pairwise(found[:10])]
    assert all(step == pytest.approx(1e-3 / 11) for step in steps)
    assert found[10:] == pytest.approx(rates(100, shape))


@pytest.mark.parametrize("shape", SHAPES)
def test_a_rate_below_the_lowest_stays(shape: str) -> None:
    training = TrainingParams(
        learning_rate=1e-6, final_learning_rate=5e-6, schedule=ScheduleParams(shape=shape)
    )
    assert {learning_rate(step, 20, training) for step in range(20)} == {1e-6}
