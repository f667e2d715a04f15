from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from models.data.clips import Clips
from models.errors import InputError
from models.params.tree import Params
from models.training.loop import FINISHED
from models.training.losses import LOSSES
from models.training.state import weights_hash
from models.training.train import EpochResult, Execution, LearningRule, train

pytestmark = pytest.mark.usefixtures("one_thread")


class Killed(BaseException):
    """Stands for a process that ends in the middle of a step."""


class Fuse:
    """A batch transform that changes nothing, and blows at one step."""

    def __init__(self, step: int | None) -> None:
        self.remaining = step

    def __repr__(self) -> str:
        return "Fuse()"

    def __call__(self, _d: nn.Module, waveforms: Tensor, _l: Tensor, _g: object) -> Tensor:
        if self.remaining == 0:
            raise Killed
        self.remaining = self.remaining - 1 if self.remaining else None
        return waveforms


class NanFrom:
    """A batch transform after which nothing is a number, from one step on."""

    def __init__(self, step: int) -> None:
        self.remaining = step

    def __call__(self, _d: nn.Module, waveforms: Tensor, _l: Tensor, _g: object) -> Tensor:
        self.remaining -= 1
        return waveforms if self.remaining >= 0 else waveforms * torch.nan


def with_training(params: Params, **changes: object) -> Params:
    return replace(params, training=replace(params.training, **changes))


def test_a_detector_learns_to_tell_noise_from_tones(
    tiny_detector: Callable[[], nn.Module],
    train_clips: Clips,
    dev_clips: Clips,
    tiny_params: Params,
) -> None:
    epochs: list[EpochResult] = []
    detector = tiny_detector()
    params = with_training(tiny_params, epochs=12, steps_per_epoch=10)
    result = train(detector, train_clips, dev_clips, params, run=Execution(on_epoch=epochs.append))
    assert result.best_dev_eer <= 0.2
    assert result.history[0].train_loss > result.history[-1].train_loss
    assert tuple(epochs) == result.history
    assert [epoch.step for epoch in epochs] == [10 * n for n in range(1, len(epochs) + 1)]
    assert not detector.training


def test_the_detector_is_left_with_its_best_epoch(
    tiny_detector: Callable[[], nn.Module],
    train_clips: Clips,
    dev_clips: Clips,
    tiny_params: Params,
) -> None:
    detector, hashes = tiny_detector(), []
    result = train(
        detector,
        train_clips,
        dev_clips,
        tiny_params,
        run=Execution(on_epoch=lambda _: hashes.append(weights_hash(detector.state_dict()))),
    )
    ranked = min(result.history, key=lambda epoch: (epoch.dev_eer, epoch.dev_loss))
    assert result.best_epoch == ranked.epoch
    assert result.best_dev_loss == ranked.dev_loss
    assert weights_hash(detector.state_dict()) == hashes[ranked.epoch - 1]


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("optimiser", ["adam", "adamw"])
def test_every_loss_and_optimiser_trains_the_same_way_twice(
    loss: str, optimiser: str, tiny_detector: Callable[[], nn.Module],
    train_clips: Clips, dev_clips: Clips, tiny_params: Params,
) -> None:  # fmt: skip
    params = with_training(tiny_params, loss=loss, optimiser=optimiser, epochs=1)
    hashes, results = set(), []
    for seed in (1, 2):
        detector = tiny_detector()
        torch.manual_seed(seed)  # what the caller drew before must not matter
        results.append(train(detector, train_clips, dev_clips, params))
        hashes.add(weights_hash(detector.state_dict()))
    assert len(hashes) == 1
    assert results[0] == results[1]


def test_the_callers_random_numbers_are_left_alone(
    tiny_detector: Callable[[], nn.Module],
    train_clips: Clips,
    dev_clips: Clips,
    tiny_params: Params,
) -> None:
    detector = tiny_detector()
    torch.manual_seed(11)
    expected = torch.rand(3)
    torch.manual_seed(11)
    train(detector, train_clips, dev_clips, with_training(tiny_params, epochs=1))
    assert torch.equal(torch.rand(3), expected)


def test_training_stops_where_dev_no_longer_gets_better(
    tiny_detector: Callable[[], nn.Module],
    train_clips: Clips,
    dev_clips: Clips,
    tiny_params: Params,
) -> None:
    params = with_training(tiny_params, epochs=50, patience=2, learning_rate=0.0)
    params = with_training(params, final_learning_rate=0.0)
    result = train(tiny_detector(), train_clips, dev_clips, params)
    lowest = min(result.history, key=lambda epoch: epoch.dev_eer).epoch
    assert len(result.history) == lowest + 2
    assert result.stopped == "no lower dev EER in 2 epochs"


@pytest.mark.parametrize("step", [3, 5, 7, 12])
def test_a_training_that_was_cut_off_ends_as_if_it_had_not_been(
    step: int, tmp_path: Path, tiny_detector: Callable[[], nn.Module],
    train_clips: Clips, dev_clips: Clips, tiny_params: Params,
) -> None:  # fmt: skip
    whole, cut, resumed = tiny_detector(), tiny_detector(), tiny_detector()
    expected = train(
        whole, train_clips, dev_clips, tiny_params, rule=LearningRule(transform=Fuse(None))
    )
    place = tmp_path / "train.pt"

    def go_on(detector: nn.Module, fuse: Fuse) -> object:
        return train(
            detector,
            train_clips,
            dev_clips,
            tiny_params,
            rule=LearningRule(transform=fuse),
            run=Execution(checkpoint=place, checkpoint_every_s=0.0),
        )

    with pytest.raises(Killed):
        go_on(cut, Fuse(step))
    assert go_on(resumed, Fuse(None)) == expected
    assert weights_hash(resumed.state_dict()) == weights_hash(whole.state_dict())
    assert expected.stopped == FINISHED


def test_a_finished_training_is_not_done_again(
    tmp_path: Path, tiny_detector: Callable[[], nn.Module],
    train_clips: Clips, dev_clips: Clips, tiny_params: Params,
) -> None:  # fmt: skip
    place, again = tmp_path / "train.pt", tiny_detector()
    first = train(
        tiny_detector(), train_clips, dev_clips, tiny_params, run=Execution(checkpoint=place)
    )
    epochs: list[EpochResult] = []
    second = train(
        again,
        train_clips,
        dev_clips,
        tiny_params,
        run=Execution(checkpoint=place, on_epoch=epochs.append),
    )
    assert first == second
    assert not epochs


@pytest.mark.parametrize("kind", ["other params", "other clips", "other weights", "damaged"])
def test_a_checkpoint_of_another_training_is_left_aside_with_a_warning(
    kind: str, tmp_path: Path, tiny_detector: Callable[[], nn.Module], train_clips: Clips,
    dev_clips: Clips, tiny_params: Params, caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    place, first = tmp_path / "train.pt", tiny_detector()
    params = with_training(tiny_params, epochs=1)
    other_params, other_clips = params, train_clips
    if kind == "other params":
        other_params = with_training(params, batch_size=4)
    if kind == "other clips":
        other_clips = train_clips.take(range(1, 24))
    if kind == "other weights":
        with torch.no_grad():
            first.out.bias.add_(1.0)
    train(first, other_clips, dev_clips, other_params, run=Execution(checkpoint=place))
    if kind == "damaged":
        place.write_bytes(place.read_bytes()[:1000])
    detector, expected = tiny_detector(), tiny_detector()
    with caplog.at_level(logging.WARNING):
        train(detector, train_clips, dev_clips, params, run=Execution(checkpoint=place))
    train(expected, train_clips, dev_clips, params)
    assert "training starts from step 0" in caplog.text
    assert weights_hash(detector.state_dict()) == weights_hash(expected.state_dict())


def test_training_that_diverges_keeps_its_best_epoch(
    tiny_detector: Callable[[], nn.Module],
    train_clips: Clips,
    dev_clips: Clips,
    tiny_params: Params,
) -> None:
    detector, sane = tiny_detector(), tiny_detector()
    result = train(
        detector, train_clips, dev_clips, tiny_params, rule=LearningRule(transform=NanFrom(7))
    )
    assert result.stopped.startswith("training diverged: the loss of step 8 is nan; a lower")
    assert len(result.history) == result.best_epoch == 1
    assert all(value.isfinite().all() for value in detector.state_dict().values())
    assert weights_hash(detector.state_dict()) != weights_hash(sane.state_dict())


def test_training_that_diverges_at_once_is_an_error_in_one_sentence(
    tiny_detector: Callable[[], nn.Module],
    train_clips: Clips,
    dev_clips: Clips,
    tiny_params: Params,
) -> None:
    with pytest.raises(
        InputError, match=r"^training diverged: the loss of step 3 is nan; [^.]*\.l"
    ):
        train(
            tiny_detector(),
            train_clips,
            dev_clips,
            tiny_params,
            rule=LearningRule(transform=NanFrom(2)),
        )


def test_a_dev_set_of_one_class_is_refused(
    tiny_detector: Callable[[], nn.Module], train_clips: Clips, tiny_params: Params
) -> None:
    with pytest.raises(InputError, match=r"^dev: "):
        train(tiny_detector(), train_clips, train_clips.take(range(12)), tiny_params)
