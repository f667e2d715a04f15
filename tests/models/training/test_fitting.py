"""Detectors that are fitted go the way of all others: trained, hardened, attacked, resumed."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from models.adversarial.hardening import AttackedShare, harden
from models.adversarial.under_attack import under_attack
from models.data.clips import Clips
from models.detectors import Detector
from models.detectors.fitted import FittedDetector, Fitting
from models.errors import InputError
from models.params.adversarial import AdversarialParams
from models.params.continual import ContinualParams
from models.params.evaluation import EvaluationParams
from models.params.robustness import RobustnessParams
from models.params.tree import Params
from models.training.continual.anchor import Anchor
from models.training.continual.continuation import continue_from
from models.training.fitting import FITTED, FittingRun
from models.training.state import weights_hash
from models.training.train import EpochResult, Execution, LearningRule, train

pytestmark = pytest.mark.usefixtures("one_thread")


class Roughness(FittedDetector):
    """Noise changes from sample to sample, tones hardly: one threshold, put between the classes."""

    def __init__(self) -> None:
        super().__init__()
        self.name, self.options = "roughness", {}
        self.register_buffer("threshold", torch.zeros(()))

    embedding_dim = 1

    def forward(self, waveforms: Tensor) -> Tensor:
        return self.analyse(waveforms)[1]  # clips of these tests are shorter than half a second

    def analyse(self, waveforms: Tensor) -> tuple[Tensor, Tensor]:
        rough = _rough(waveforms)
        half = 5 * (rough - self.threshold)
        return rough[:, None], torch.stack([-half, half], dim=1)

    def fit(self, fitting: Fitting) -> None:
        if not fitting.world.leads:
            return
        crops = [(_rough(waveforms), labels) for waveforms, labels in fitting.crops()]
        rough, labels = (torch.cat(arrays) for arrays in zip(*crops, strict=True))
        self.threshold.copy_((rough[labels == 0].mean() + rough[labels == 1].mean()) / 2)


class Stepped(Detector):
    """Learns by gradient, and hears the waveform in steps: no gradient gets there."""

    differentiable = False
    embedding_dim = 1

    def __init__(self) -> None:
        super().__init__()
        self.name, self.options = "stepped", {}
        self.out = nn.Linear(1, 2)

    def forward(self, waveforms: Tensor) -> Tensor:
        return self.analyse(waveforms)[1]

    def analyse(self, waveforms: Tensor) -> tuple[Tensor, Tensor]:
        rough = _rough((256 * waveforms).detach().round() / 256)[:, None]
        return rough, self.out(rough)


class Pair(FittedDetector):
    """One part that is fitted and one that learns by gradient; answers with the second."""

    embedding_dim = 1

    def __init__(self, part: nn.Module) -> None:
        super().__init__()
        self.name, self.options = "pair", {}
        part.name, part.options = "part", {}
        self.first, self.second = Roughness(), part

    @property
    def hardens(self) -> bool:
        return True

    def forward(self, waveforms: Tensor) -> Tensor:
        return self.second(waveforms)

    def analyse(self, waveforms: Tensor) -> tuple[Tensor, Tensor]:
        return self.first.analyse(waveforms)[0], self.second(waveforms)

    def fit(self, fitting: Fitting) -> None:
        for name, part in (("1-first", self.first), ("2-second", self.second)):
            fitting.learn_part(part, name)


class Killed(BaseException):
    """Stands for a process that ends."""


def _rough(waveforms: Tensor) -> Tensor:
    """Mean step over mean level (batch,), less 1."""
    return waveforms.diff(dim=1).abs().mean(dim=1) / waveforms.abs().mean(dim=1) - 1


def test_a_fitted_detector_is_trained_like_any_other(
    train_clips: Clips, dev_clips: Clips, tiny_params: Params
) -> None:
    epochs: list[EpochResult] = []
    detector = Roughness()
    result = train(
        detector, train_clips, dev_clips, tiny_params, run=Execution(on_epoch=epochs.append)
    )
    assert result.best_dev_eer <= 0.1
    assert result.stopped == FITTED
    assert tuple(epochs) == result.history
    assert [(epoch.epoch, epoch.step) for epoch in epochs] == [(1, 1)]
    assert 0 < epochs[0].train_loss < 0.7
    assert not detector.training


def test_it_hears_what_training_hears(
    train_clips: Clips, dev_clips: Clips, tiny_params: Params
) -> None:
    fitting = FittingRun(train_clips, dev_clips, tiny_params, train, Execution())
    crops = list(fitting.crops())
    labels = torch.cat([crop_labels for _, crop_labels in crops])
    assert all(waveforms.shape[1] == 600 for waveforms, _ in crops)
    assert len(labels) >= len(train_clips)
    assert labels.float().mean() == pytest.approx(0.5, abs=0.05)  # balanced as params say
    waveforms = np.concatenate([waveforms.numpy() for waveforms, _ in crops])
    cut = {train_clips.part(i, at, 600).tobytes() for i in range(24) for at in range(301)
           if at + 600 <= train_clips.lengths[i]}  # fmt: skip
    assert any(row.tobytes() not in cut for row in waveforms)  # augmented


def test_it_fits_the_same_again_and_leaves_the_callers_random_numbers_alone(
    train_clips: Clips, dev_clips: Clips, tiny_params: Params
) -> None:
    thresholds = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        detector = Roughness()
        train(detector, train_clips, dev_clips, tiny_params)
        thresholds.append(float(detector.threshold))
        drawn = torch.rand(1)
        torch.manual_seed(seed)
        assert torch.equal(drawn, torch.rand(1))
    assert thresholds[0] == thresholds[1] != 0


def test_train_clips_of_one_class_are_refused(
    train_clips: Clips, dev_clips: Clips, tiny_params: Params
) -> None:
    with pytest.raises(InputError, match=r"^train: bonafide and spoof clips expected"):
        train(Roughness(), train_clips.take(range(12)), dev_clips, tiny_params)


def test_what_changes_steps_is_refused_where_there_are_none(
    train_clips: Clips, dev_clips: Clips, tiny_params: Params
) -> None:
    class Strict(Anchor):
        pass

    attacked = AttackedShare("fgsm", 30.0, 1, 0.5)
    for rule in (LearningRule(transform=attacked), LearningRule(anchor=Strict())):
        with pytest.raises(InputError, match=r"^roughness: it is fitted and not trained step by"):
            train(Roughness(), train_clips, dev_clips, tiny_params, rule=rule)
    train(Roughness(), train_clips, dev_clips, tiny_params, rule=LearningRule(anchor=Anchor()))


def test_training_on_fits_anew_from_all_clips(
    train_clips: Clips, tiny_params: Params, caplog: pytest.LogCaptureFixture
) -> None:
    old = train_clips.trials[:16]
    lessons = frozenset((trial.utterance_id, trial.attack_id) for trial in old)
    params = replace(tiny_params, continual=ContinualParams("replay-lwf", memory_clips=2))
    with caplog.at_level(logging.INFO):
        continuation = continue_from(Roughness(), train_clips, lessons, params)
    assert len(continuation.clips) == len(train_clips)
    assert type(continuation.anchor) is Anchor
    assert "roughness is fitted: all is learnt from" in caplog.text


def test_parts_learn_as_they_would_alone_and_their_epochs_are_told_in_turn(
    tiny_detector, train_clips: Clips, dev_clips: Clips, tiny_params: Params
) -> None:  # fmt: skip
    epochs: list[EpochResult] = []
    pair, alone = Pair(tiny_detector()), tiny_detector()
    result = train(pair, train_clips, dev_clips, tiny_params, run=Execution(on_epoch=epochs.append))
    expected = train(alone, train_clips, dev_clips, tiny_params)
    assert weights_hash(pair.second.state_dict()) == weights_hash(alone.state_dict())
    assert tuple(epochs) == result.history
    assert [epoch.epoch for epoch in epochs] == [1, 2, 3, 4, 5]
    assert [epoch.step for epoch in epochs] == [1, 6, 11, 16, 17]
    assert [e.dev_eer for e in epochs[1:4]] == [e.dev_eer for e in expected.history]
    assert result.best_epoch == 5


@pytest.mark.parametrize("at", [2, 3, 5])
def test_a_fit_that_was_killed_goes_on_with_the_part_it_was_at(
    at: int, tmp_path: Path, tiny_detector, train_clips: Clips, dev_clips: Clips,
    tiny_params: Params,
) -> None:  # fmt: skip
    whole = Pair(tiny_detector())
    expected = train(whole, train_clips, dev_clips, tiny_params)

    def fuse(epoch: EpochResult) -> None:
        if epoch.epoch == at:
            raise Killed

    place, again = tmp_path / "train.pt", Pair(tiny_detector())
    with pytest.raises(Killed):
        train(
            Pair(tiny_detector()),
            train_clips,
            dev_clips,
            tiny_params,
            run=Execution(checkpoint=place, on_epoch=fuse),
        )
    epochs: list[EpochResult] = []
    result = train(
        again,
        train_clips,
        dev_clips,
        tiny_params,
        run=Execution(checkpoint=place, on_epoch=epochs.append),
    )
    assert result == expected
    assert weights_hash(again.state_dict()) == weights_hash(whole.state_dict())
    assert epochs[-1].epoch == 5
    assert {epoch.epoch for epoch in epochs} == {1, *range(max(2, at), 6)}


def test_a_fitted_detector_is_not_hardened_and_one_sentence_says_so(
    train_clips: Clips, dev_clips: Clips, tiny_params: Params, caplog: pytest.LogCaptureFixture
) -> None:
    assert harden(Roughness(), train_clips, dev_clips, tiny_params) is None
    assert caplog.messages == [
        "roughness is fitted and takes no steps along a gradient: it is not hardened"
    ]


def test_parts_are_hardened_each_by_itself(
    tiny_detector, train_clips: Clips, dev_clips: Clips, tiny_params: Params
) -> None:  # fmt: skip
    params = replace(tiny_params, adversarial=AdversarialParams(epochs=1, learning_rate=0.01))
    pair, alone = Pair(tiny_detector()), tiny_detector()
    result = harden(pair, train_clips, dev_clips, params)
    harden(alone, train_clips, dev_clips, params)
    assert weights_hash(pair.second.state_dict()) == weights_hash(alone.state_dict())
    assert len(result.history) == 2


def test_without_a_gradient_hardening_needs_an_attack_that_wants_none(
    train_clips: Clips, dev_clips: Clips, tiny_params: Params, caplog: pytest.LogCaptureFixture
) -> None:
    assert harden(Stepped(), train_clips, dev_clips, tiny_params) is None
    (sentence,) = caplog.messages
    assert sentence == (
        "the gradient of stepped does not reach the waveform, adversarial.attack pgd needs it "
        "(square and nes do not): it is not hardened"
    )
    params = replace(tiny_params, adversarial=AdversarialParams(epochs=1, attack="square"))
    assert harden(Stepped(), train_clips, dev_clips, params) is not None


@pytest.mark.parametrize(
    ("attacks", "possible"),
    [(("fgsm", "nes", "square"), ["nes", "square"]), (("fgsm", "pgd"), ["square"]), ((), [])],
)
def test_a_detector_without_a_gradient_is_attacked_by_its_scores_alone(
    attacks: tuple[str, ...], possible: list[str], tiny_detector, train_clips: Clips,
    dev_clips: Clips, tiny_params: Params,
) -> None:  # fmt: skip
    params = replace(
        tiny_params,
        evaluation=EvaluationParams(attacked_trials=12, attack_snr_db=20.0),
        robustness=RobustnessParams(attacks=attacks, steps=2, guard_trials=4),
    )
    candidate, champion = Stepped(), tiny_detector()
    document = under_attack(candidate, champion, dev_clips, train_clips, params)
    assert list(document["eer"]) == ["clean", *possible]
    assert (
        list(document["champion"]["eer"])
        == list(document["transfer"]["eer"])
        == ["clean", *attacks]
    )
    assert document["guards"] == {}
    assert len(document["warnings"]) == (1 if possible else 0)
    other = under_attack(champion, candidate, dev_clips, train_clips, params)
    assert list(other["eer"]) == ["clean", *attacks]
    assert list(other["champion"]["eer"]) == ["clean", *possible]
    assert ("own_examples_are_worse" in other["guards"]) is bool(set(attacks) & set(possible))
