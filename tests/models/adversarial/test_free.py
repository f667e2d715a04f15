"""Free adversarial training: weights and perturbation move in the same passes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from models.adversarial.free import FreeReplay
from models.data.clips import Clips
from models.params.tree import Params
from models.training.replay import ONCE
from models.training.state import weights_hash
from models.training.train import Execution, LearningRule, TrainingResult, train
from tests.tolerances import decibels, rounding

SNR_DB = 20.0
LEAST_DB = SNR_DB - decibels(rounding(900))
pytestmark = pytest.mark.usefixtures("one_thread")


def snr_db(clean: Tensor, perturbed: Tensor) -> Tensor:
    """Of each clip over what was added (clips,)."""
    power = clean.square().sum(1) / (perturbed - clean).square().sum(1)
    return 10 * power.log10()


def test_a_perturbation_follows_the_slope_and_stays_below_the_clip() -> None:
    generator = torch.Generator().manual_seed(1)
    clean = 0.1 * torch.randn(6, 900, generator=generator)
    slope, perturbed = torch.randn(6, 900, generator=generator), clean
    for _ in range(4):
        perturbed = FreeReplay(SNR_DB, 5, share=1.0).moved(clean, perturbed, slope)
        assert (snr_db(clean, perturbed) >= LEAST_DB).all()
        assert torch.equal((perturbed - clean).sign(), slope.sign())


def test_only_the_share_is_perturbed() -> None:
    clean, slope = 0.1 * torch.ones(10, 700), torch.ones(10, 700)
    for share, expected in ((0.0, 0), (0.3, 3), (1.0, 10)):
        perturbed = FreeReplay(SNR_DB, 2, share).moved(clean, clean, slope)
        assert (perturbed != clean).any(dim=1).sum() == expected


def test_each_pass_hears_what_the_one_before_has_learnt_to_fear(
    tiny_detector: Callable[[], nn.Module], train_clips: Clips, dev_clips: Clips,
    tiny_params: Params,
) -> None:  # fmt: skip
    batches: list[Tensor] = []

    class Listening:
        def __repr__(self) -> str:
            return "Listening()"

        def __call__(self, _d: object, waveforms: Tensor, *_: object) -> Tensor:
            batches.append(waveforms.detach().clone())
            return waveforms

    training = replace(tiny_params.training, epochs=1, steps_per_epoch=2)
    params = replace(tiny_params, training=training)
    train(
        tiny_detector(),
        train_clips,
        dev_clips,
        params,
        rule=LearningRule(transform=Listening(), replay=FreeReplay(SNR_DB, 3, share=1.0)),
    )
    assert len(batches) == 2 * 3
    for clean, second, third in (batches[:3], batches[3:]):
        assert (snr_db(clean, second) >= LEAST_DB).all()
        assert (snr_db(clean, third) >= LEAST_DB).all()
        assert (second != clean).any(dim=1).all()


def test_a_kill_between_two_passes_changes_nothing(
    tmp_path: Path, tiny_detector: Callable[[], nn.Module], train_clips: Clips, dev_clips: Clips,
    tiny_params: Params,
) -> None:  # fmt: skip
    class Killed(BaseException): ...

    class Bomb:
        def __init__(self, calls: int) -> None:
            self.remaining = calls

        def __repr__(self) -> str:
            return "Bomb()"

        def __call__(self, _d: object, waveforms: Tensor, *_: object) -> Tensor:
            self.remaining -= 1
            if self.remaining < 0:
                raise Killed
            return waveforms

    def run(calls: int, checkpoint: Path | None) -> tuple[TrainingResult, str]:
        detector = tiny_detector()
        result = train(
            detector,
            train_clips,
            dev_clips,
            tiny_params,
            rule=LearningRule(transform=Bomb(calls), replay=FreeReplay(SNR_DB, 3, 0.5)),
            run=Execution(checkpoint=checkpoint, checkpoint_every_s=0.0),
        )
        return result, weights_hash(detector.state_dict())

    with pytest.raises(Killed):
        run(3 * 7 + 2, tmp_path / "train.pt")  # in the last pass of the eighth step
    assert run(10**6, tmp_path / "train.pt") == run(10**6, None)


class InFloat64(nn.Module):
    """A detector in whose slopes no sign is that of a rounded zero."""

    def __init__(self, detector: nn.Module) -> None:
        super().__init__()
        self.detector = detector.double()

    def forward(self, waveforms: Tensor) -> Tensor:
        return self.detector(waveforms.double())


def test_a_batch_in_parts_is_perturbed_as_a_whole_is(
    tiny_detector: Callable[[], nn.Module], train_clips: Clips, dev_clips: Clips,
    tiny_params: Params,
) -> None:  # fmt: skip
    weights, rate, passes = [], tiny_params.training.learning_rate, 5 * 3
    for parts in (1, 4):
        detector = tiny_detector()
        detector.norm = detector.dropout = nn.Identity()  # each part would have its own
        training = replace(tiny_params.training, epochs=1, accumulate=parts)
        train(
            InFloat64(detector),
            train_clips,
            dev_clips,
            replace(tiny_params, training=training),
            rule=LearningRule(replay=FreeReplay(SNR_DB, 3, share=1.0)),
        )
        weights.append(detector.state_dict())
    for name, value in weights[0].items():
        # a pass moves a weight by the rate at most; losses are of answers rounded to float32
        moved = passes * rate * rounding(8 * 8)
        torch.testing.assert_close(value, weights[1][name], rtol=0, atol=moved)


def test_once_is_a_training_like_any_other(
    tiny_detector: Callable[[], nn.Module], train_clips: Clips, dev_clips: Clips,
    tiny_params: Params,
) -> None:  # fmt: skip
    hashes = []
    for replay in (ONCE, FreeReplay(SNR_DB, 1, share=1.0), FreeReplay(SNR_DB, 2, share=0.0)):
        detector = tiny_detector()
        train(detector, train_clips, dev_clips, tiny_params, rule=LearningRule(replay=replay))
        hashes.append(weights_hash(detector.state_dict()))
    assert hashes[0] == hashes[1] != hashes[2]  # twice over each batch is not once
