from __future__ import annotations

import time
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from models.data.clips import Clips
from models.detectors import Detector, build_detector
from models.errors import InputError
from models.params.learning import AveragingParams
from models.params.training import TrainingParams
from models.params.tree import Params
from models.params.window import WindowParams
from models.training.budget import LOOKS, TrainingCost, fit_into, learners_of, measure_cost
from models.training.train import train

pytestmark = pytest.mark.usefixtures("one_thread")
TRAINING = TrainingParams(epochs=100, patience=3)
NARROW = {"sinc_filters": 12, "sinc_length": 33, "widths": [4], "graph_dims": [8, 8]}


@pytest.mark.parametrize("budget", [3.0, 60.0, 600.0, 36_000.0])
@pytest.mark.parametrize(
    "cost", [TrainingCost(0.1, 0.5), TrainingCost(0.02, 2.0), TrainingCost(1e-3, 1e-3)]
)
def test_the_steps_and_looks_that_are_planned_cost_the_budget(
    budget: float, cost: TrainingCost
) -> None:
    planned = fit_into(budget, cost, TRAINING)
    steps = planned.epochs * planned.steps_per_epoch
    spent = steps * cost.step + planned.epochs * cost.look
    assert budget - planned.epochs * cost.step - 1e-9 <= spent <= budget + 1e-9
    assert planned.epochs <= LOOKS
    assert planned.epochs == 1 or planned.epochs * cost.look <= 0.2 * budget + 1e-9
    assert planned.patience == planned.epochs  # all of the budget is used


def test_a_budget_in_which_nothing_is_learnt_is_refused_with_the_minutes_that_are_needed() -> None:
    with pytest.raises(InputError, match=r"at least 0.5 minutes expected .* found 0.25"):
        fit_into(15.0, TrainingCost(6.0, 24.0), TRAINING)


def test_what_is_measured_is_what_a_training_takes(train_clips: Clips, dev_clips: Clips) -> None:
    params = Params(
        window=WindowParams(samples=8_000, hop=8_000),
        training=TrainingParams(batch_size=8, crop_samples=8_000, loader_workers=0),
    )
    torch.manual_seed(1)
    cost = measure_cost(build_detector("aasist", NARROW), train_clips, dev_clips, params, "cpu")
    planned = fit_into(1.0, cost, params.training)
    began = time.process_time()
    train(build_detector("aasist", NARROW), train_clips, dev_clips,
          replace(params, training=planned))  # fmt: skip
    # a step costs more where others fill the caches of the machine
    assert 0.4 < time.process_time() - began < 4.0


class Both(Detector):
    """Two detectors and nothing of its own."""

    def __init__(self, *members: Detector) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    embedding_dim = 0

    def analyse(self, waveforms: Tensor) -> tuple[Tensor, Tensor]:
        raise NotImplementedError


def test_what_is_estimated_takes_no_steps_and_members_take_their_own() -> None:
    one, two = (build_detector("aasist", NARROW) for _ in range(2))
    assert learners_of(one) == [one]
    assert learners_of(Both(one, two)) == [one, two]
    two.requires_grad_(False)
    assert learners_of(Both(one, Both(two))) == [one]
    assert learners_of(two) == []
    assert fit_into(1.0, None, TRAINING) == TRAINING


def test_an_average_makes_a_look_cost_more(
    train_clips: Clips, dev_clips: Clips, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.training.budget.NORM_STEPS", 500)
    params = Params(
        window=WindowParams(samples=8_000, hop=8_000),
        training=TrainingParams(batch_size=8, crop_samples=8_000, loader_workers=0),
    )
    averaged = replace(params, training=replace(params.training, averaging=AveragingParams("ema")))
    plain, more = (
        measure_cost(build_detector("aasist", NARROW), train_clips, dev_clips, chosen, "cpu")
        for chosen in (params, averaged)
    )
    assert more.look > 5 * plain.look
