from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from models.data.clips import Clips
from models.params.learning import AveragingParams
from models.params.training import TrainingParams
from models.params.tree import Params
from models.training.averaging import Averaging, renew_norms
from models.training.state import TrainingState, weights_hash
from models.training.train import Execution, train
from tests.tolerances import rounding

pytestmark = pytest.mark.usefixtures("one_thread")


def averaging(detector: nn.Module, **settings: object) -> Averaging:
    training = TrainingParams(epochs=4, averaging=AveragingParams(**settings))
    return Averaging(detector, training, TrainingState())


def put(detector: nn.Module, value: float) -> None:
    with torch.no_grad():
        detector.out.bias.fill_(value)


def test_swa_is_the_plain_mean_of_the_late_epochs(
    tiny_detector: Callable[[], nn.Module],
) -> None:
    detector = tiny_detector()
    average = averaging(detector, kind="swa", start=0.25)
    for epoch, value in enumerate([100.0, 1.0, 2.0, 6.0], start=1):
        put(detector, value)
        average.after_step()
        average.after_epoch(epoch)
    assert average.state.averaged == 3
    assert average.state.average["out.bias"].tolist() == pytest.approx([3.0, 3.0])


def test_wise_weights_are_on_the_way_from_the_first_to_those_of_the_epoch(
    tiny_detector: Callable[[], nn.Module],
) -> None:
    detector = tiny_detector()
    put(detector, 2.0)
    average = averaging(detector, kind="wise", share=0.25)
    for value in (10.0, 6.0):
        put(detector, value)
        average.after_step()
        average.after_epoch(1)
        with average.applied([0.1 * torch.randn(4, 600)], ()):
            assert detector.out.bias.tolist() == [2.0 + 0.25 * (value - 2.0)] * 2
        assert detector.out.bias.tolist() == [value] * 2


def test_ema_follows_at_its_pace(tiny_detector: Callable[[], nn.Module]) -> None:
    detector = tiny_detector()
    put(detector, 0.0)
    average = averaging(detector, kind="ema", decay=0.75)
    for _ in range(100):
        average.after_step()
    put(detector, 1.0)
    average.after_step()
    average.after_step()
    average.after_epoch(4)
    averaged = average.state.average["out.bias"].tolist()
    assert averaged == pytest.approx([1 - 0.75**2] * 2, rel=rounding(102))


def test_the_average_is_applied_for_a_while_and_everything_comes_back(
    tiny_detector: Callable[[], nn.Module],
) -> None:
    detector = tiny_detector()
    average = averaging(detector, kind="ema")
    average.after_step()
    put(detector, 5.0)
    before = weights_hash(detector.state_dict())
    with average.applied([0.1 * torch.randn(4, 600)], ()):
        assert detector.out.bias.max() < 5.0
        assert detector.norm.running_var[0] != 1.0
    assert weights_hash(detector.state_dict()) == before


def test_batch_norm_learns_the_statistics_of_the_weights_it_has(
    tiny_detector: Callable[[], nn.Module],
) -> None:
    detector = tiny_detector().train()
    batches = [0.1 * torch.randn(4, 600), 0.3 * torch.randn(4, 600)]
    renew_norms(detector, batches)
    maps = [detector.filters(batch[:, None]) for batch in batches]
    means = torch.stack([activations.mean(dim=(0, 2)) for activations in maps]).mean(dim=0)
    variances = torch.stack([activations.var(dim=(0, 2)) for activations in maps]).mean(dim=0)
    torch.testing.assert_close(detector.norm.running_mean, means)
    torch.testing.assert_close(detector.norm.running_var, variances)
    assert detector.training
    assert detector.norm.momentum == 0.1


def test_batch_norm_that_is_held_or_never_called_stays_as_it_is(
    tiny_detector: Callable[[], nn.Module],
) -> None:
    detector = tiny_detector()
    detector.idle = nn.BatchNorm1d(3)
    detector.idle.running_mean.fill_(7.0)
    detector.norm.running_mean.fill_(8.0)
    renew_norms(detector, [0.1 * torch.randn(4, 600)], held=[detector.norm])
    assert detector.idle.running_mean.tolist() == [7.0] * 3
    assert detector.norm.running_mean.tolist() == [8.0] * 6


@pytest.mark.parametrize("kind", ["ema", "swa", "wise"])
def test_the_average_is_judged_on_dev_and_kept_while_training_goes_on_without_it(
    kind: str, tiny_detector: Callable[[], nn.Module], train_clips: Clips, dev_clips: Clips,
    tiny_params: Params,
) -> None:  # fmt: skip
    settings = AveragingParams(kind=kind, decay=0.9, start=0.0)
    averaged = replace(tiny_params, training=replace(tiny_params.training, averaging=settings))
    ends: list[dict[str, list[str]]] = []
    results, hashes = [], []
    for params in (tiny_params, averaged):
        detector, epoch_hashes = tiny_detector(), []
        results.append(
            train(
                detector,
                train_clips,
                dev_clips,
                params,
                run=Execution(
                    on_epoch=lambda _, d=detector, s=epoch_hashes: s.append(
                        weights_hash(d.state_dict())
                    )
                ),
            )
        )
        ends.append(epoch_hashes)
        hashes.append(weights_hash(detector.state_dict()))
    assert ends[0] == ends[1]  # the weights that learn are the same
    assert results[0].history[-1].dev_loss != results[1].history[-1].dev_loss
    assert hashes[1] not in ends[1]  # no epoch's own weights, but their average


@pytest.mark.parametrize("kind", ["ema", "swa", "wise"])
def test_an_average_survives_being_cut_off(
    kind: str, tmp_path: Path, tiny_detector: Callable[[], nn.Module], train_clips: Clips,
    dev_clips: Clips, tiny_params: Params,
) -> None:  # fmt: skip
    settings = AveragingParams(kind=kind, decay=0.9, start=0.0)
    params = replace(tiny_params, training=replace(tiny_params.training, averaging=settings))
    whole, cut, resumed = tiny_detector(), tiny_detector(), tiny_detector()
    expected = train(whole, train_clips, dev_clips, params)

    def cut_off(epoch: object) -> None:
        if epoch.epoch == 2:
            raise KeyboardInterrupt

    place = tmp_path / "train.pt"
    with pytest.raises(KeyboardInterrupt):
        train(
            cut,
            train_clips,
            dev_clips,
            params,
            run=Execution(checkpoint=place, checkpoint_every_s=0.0, on_epoch=cut_off),
        )
    assert (
        train(resumed, train_clips, dev_clips, params, run=Execution(checkpoint=place)) == expected
    )
    assert weights_hash(resumed.state_dict()) == weights_hash(whole.state_dict())
