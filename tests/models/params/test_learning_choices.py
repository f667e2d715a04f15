"""What the choices under `training` promise together: refused by name, killed without a trace."""

from __future__ import annotations

import shutil
import sysconfig
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch._dynamo.utils import counters

from models.data.clips import Clips
from models.errors import InputError
from models.params.learning import AveragingParams, GrowthParams, ObjectiveParams, ScheduleParams
from models.params.section import MOST_SEED
from models.params.training import TrainingParams
from models.params.tree import Params, params_from_mapping
from models.training.state import weights_hash
from models.training.step import in_bf16
from models.training.train import Execution, LearningRule, train
from tests.tolerances import rounding

pytestmark = [pytest.mark.usefixtures("one_thread"), pytest.mark.slow]

HEADER = Path(sysconfig.get_path("include")) / "Python.h"
needs_compiler = pytest.mark.skipif(
    shutil.which("g++") is None or not HEADER.is_file(),
    reason="needs g++ and Python's header files",
)
CHOICES: dict[str, dict[str, Any]] = {
    "focal": {"loss": "focal"},
    "one-class": {"loss": "one-class"},
    "smoothed": {"objective": ObjectiveParams(label_smoothing=0.1)},
    "mixed": {"objective": ObjectiveParams(mixup=0.4)},
    "one-cycle": {"schedule": ScheduleParams(shape="one-cycle", warmup=0.1)},
    "in parts": {"accumulate": 3},
    "compiled": {"compile": True},
    "growing": {"growth": GrowthParams(first_share=0.3, epochs=3), "steps_per_epoch": 0},
    "everything": {
        "loss": "focal",
        "objective": ObjectiveParams(label_smoothing=0.1, mixup=0.4),
        "averaging": AveragingParams(kind="ema", decay=0.9),
        "accumulate": 2,
        "mixed_precision": "always",
        "balanced": False,
        "growth": GrowthParams(first_share=0.3, epochs=3),
    },
}
every_choice = pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=needs_compiler) if "compile" in choice else name
        for name, choice in CHOICES.items()
    ],
)


def chosen(params: Params, **changes: object) -> Params:
    return replace(params, training=replace(params.training, **changes))


@every_choice
def test_a_kill_in_the_middle_of_an_epoch_changes_nothing(
    name: str, tmp_path: Path, tiny_detector: Callable[[], nn.Module], train_clips: Clips,
    dev_clips: Clips, tiny_params: Params,
) -> None:  # fmt: skip
    class Killed(BaseException): ...

    class Bomb:
        left = 7 * CHOICES[name].get("accumulate", 1) if "growing" not in name else 2

        def __repr__(self) -> str:
            return "Bomb()"

        def __call__(self, _d: object, waveforms: torch.Tensor, *_: object) -> torch.Tensor:
            self.left -= 1
            if self.left < 0:
                raise Killed
            return waveforms

    class Dud(Bomb):
        left = 10**6

    params, place = chosen(tiny_params, **CHOICES[name]), tmp_path / "train.pt"

    def run(transform: Bomb, checkpoint: Path | None) -> tuple[object, str]:
        detector = tiny_detector()
        result = train(
            detector,
            train_clips,
            dev_clips,
            params,
            rule=LearningRule(transform=transform),
            run=Execution(checkpoint=checkpoint, checkpoint_every_s=0.0),
        )
        return result, weights_hash(detector.state_dict())

    with pytest.raises(Killed):
        run(Bomb(), place)
    assert run(Dud(), place) == run(Dud(), None)


@every_choice
def test_a_detector_learns_whatever_was_chosen(
    name: str, tiny_detector: Callable[[], nn.Module], train_clips: Clips, dev_clips: Clips,
    tiny_params: Params,
) -> None:  # fmt: skip
    changes = {"epochs": 12, "steps_per_epoch": 10, "bonafide_weight": 0.5, **CHOICES[name]}
    result = train(tiny_detector(), train_clips, dev_clips, chosen(tiny_params, **changes))
    assert result.best_dev_eer <= 0.25


def test_bf16_is_taken_where_it_was_asked_for(
    tiny_detector: Callable[[], nn.Module], train_clips: Clips, dev_clips: Clips,
    tiny_params: Params,
) -> None:  # fmt: skip
    hashes = {}
    for choice in ("auto", "never", "always"):
        detector = tiny_detector()
        params = chosen(tiny_params, mixed_precision=choice, epochs=1)
        train(detector, train_clips, dev_clips, params)
        hashes[choice] = weights_hash(detector.state_dict())
        assert all(weight.dtype == torch.float32 for weight in detector.parameters())
    assert hashes["auto"] == hashes["never"] != hashes["always"]
    assert in_bf16(TrainingParams(), torch.device("cuda"))
    assert not in_bf16(TrainingParams(mixed_precision="never"), torch.device("cuda"))


@needs_compiler
def test_compiled_steps_learn_what_eager_steps_learn(
    tiny_detector: Callable[[], nn.Module], train_clips: Clips, dev_clips: Clips,
    tiny_params: Params,
) -> None:  # fmt: skip
    losses, graphs = {}, {}
    for compiled in (False, True):
        detector = tiny_detector()
        detector.dropout = nn.Identity()  # compiled code draws other numbers
        torch.compiler.reset()
        counters.clear()
        params = chosen(tiny_params, compile=compiled, epochs=1)
        losses[compiled] = train(detector, train_clips, dev_clips, params).history[0].train_loss
        graphs[compiled] = counters["stats"]["unique_graphs"]
    assert losses[True] == pytest.approx(losses[False], rel=rounding(8 * 600))
    assert graphs[True] > graphs[False] == 0


@pytest.mark.parametrize(
    "values,sentence",
    [
        ({"loss": "hinge"}, "training: loss: one of cross-entropy, bce, focal, one-class expected"),
        ({"mixed_precision": True}, "mixed_precision: one of auto, always, never expected"),
        ({"compile": "yes"}, "training: compile: bool expected, found 'yes'"),
        ({"batch_size": 8, "accumulate": 9}, "accumulate: at most the batch_size of 8 expected"),
        ({"objective": {"label_smoothing": 0.6}}, "training.objective.label_smoothing: 0 to 0.5"),
        ({"objective": {"gamma": 1}}, "training: objective: no parameter named 'gamma'; known: l"),
        ({"schedule": {"shape": "linear"}}, "schedule: shape: one of cosine, constant, one-cycle"),
        ({"schedule": {"warmup": 1.0}}, "training.schedule.warmup: 0 to 0.9 expected, found 1.0"),
        ({"averaging": {"decay": 1.0}}, "training.averaging.decay: 0 to 0.999999 expected"),
        ({"transfer": {"rate_decay": 0.0}}, "training.transfer.rate_decay: 0.01 to 1 expected"),
        ({"growth": {"first_share": 0}}, "training.growth.first_share: 0.001 to 1 expected"),
        ({"growth": 0.5}, "training: growth: a mapping expected, found 0.5"),
        ({"seed": -1}, "training.seed: 0 to 2147483647 expected, found -1"),
        ({"bonafide_weight": 1.0}, "training.bonafide_weight: 0.01 to 0.99 expected, found 1.0"),
    ],
)
def test_what_cannot_be_chosen_is_refused_by_name(values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError) as refused:
        params_from_mapping({"training": values}, "params.yaml")
    assert sentence in str(refused.value)


@pytest.mark.parametrize(
    "values,sentence",
    [
        ({"data": {"partition_seed": -1}}, "data.partition_seed: 0 to 2147483647 expected"),
        ({"evaluation_sets": {"seed": -1}}, "evaluation_sets.seed: 0 to 2147483647 expected"),
        ({"promotion": {"seed": 2**31}}, "promotion.seed: 0 to 2147483647 expected"),
        ({"evaluation": {"attacked_trials": 1}}, "evaluation.attacked_trials: 0, or 2 and more"),
        ({"augmentation": {"gian": 0.5}}, "augmentation: no augmentation named 'gian'; known: sil"),
        ({"copy_synthesis": {"hifigan": 0.5}}, "copy_synthesis: no vocoder named 'hifigan'; known"),
        (
            {"augmentation_audio": {"codecs": {"opsu": 1.0}}},
            "augmentation_audio.codecs: no codec named 'opsu'; known: g711_mulaw",
        ),
        (
            {"augmentation_audio": {"noise": "noise/"}},
            "augmentation_audio.noise: an absolute path expected, found 'noise/'",
        ),
        (
            {"continual": {"method": "rwm"}, "training": {"objective": {"mixup": 0.2}}},
            "training.objective.mixup: 0 expected with continual.method rwm",
        ),
    ],
)
def test_what_would_fail_only_later_is_refused_at_once(
    values: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(InputError) as refused:
        params_from_mapping(values, "params.yaml")
    assert sentence in str(refused.value)


def test_after_the_highest_seed_comes_the_lowest() -> None:
    assert TrainingParams(seed=MOST_SEED).seed_after(1) == 0
    assert TrainingParams(seed=5).seed_after(2) == 7


def test_a_front_with_published_weights_is_transferred_and_a_random_detector_is_not() -> None:
    training = {"transfer": {"frozen_epochs": 2}, "averaging": {"kind": "wise"}}
    aasist = params_from_mapping({"detector": {"name": "aasist"}, "training": training})
    scratch = aasist.starting(from_weights=False).training
    assert scratch.transfer.frozen_epochs == 0
    assert scratch.averaging.kind == "none"
    published = params_from_mapping({"training": {**training, "pretrained": "torchaudio"}})
    assert published.starting(from_weights=False).training.transfer.frozen_epochs == 2
    assert published.starting(from_weights=False).training.averaging.kind == "none"
    tuned = published.starting(from_weights=True).training
    assert (tuned.transfer.frozen_epochs, tuned.averaging.kind) == (2, "wise")


def test_fine_tuning_is_of_weights_alone() -> None:
    params = params_from_mapping({"fine_tuning": {"learning_rate": 1e-6, "epochs": 7}})
    training = params.starting(from_weights=True).training
    assert (training.learning_rate, training.epochs) == (1e-6, 7)
    scratch = params.starting(from_weights=False).training
    assert (scratch.learning_rate, scratch.epochs) == (1e-4, 100)
