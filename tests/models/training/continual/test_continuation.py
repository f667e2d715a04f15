from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from torch import nn

from models.data.clips import Clips
from models.data.lessons import Lessons
from models.errors import InputError
from models.params.continual import ContinualParams
from models.params.tree import Params, params_from_mapping
from models.training.continual.anchor import Anchor
from models.training.continual.continuation import Continuation, continue_from
from models.training.continual.methods import METHODS
from models.training.scoring import score_clips
from models.training.state import weights_hash
from models.training.train import Execution, LearningRule, train
from tests.small import SmallWindow

pytestmark = pytest.mark.usefixtures("one_thread")
Build = Callable[[], nn.Module]


def choosing(params: Params, method: str, **others: object) -> Params:
    return replace(params, continual=ContinualParams(method=method, **others))  # type: ignore[arg-type]


def lessons_of(clips: Clips, *attacks: str | None) -> Lessons:
    keys = zip(clips.utterance_ids, clips.attack_ids, strict=True)
    return frozenset(key for key in keys if key[1] in attacks)


def seen(continuation: Continuation) -> dict[str | None, int]:
    return {attack: continuation.clips.attack_ids.count(attack) for attack in (None, "A1", "A2")}


@pytest.mark.parametrize(
    "values,words",
    [
        ({"method": "dream"}, "continual: method: one of none, replay, .* found 'dream'"),
        ({"memory_clips": 0}, "continual.memory_clips: 1 to"),
        ({"distillation_weight": -1.0}, "continual.distillation_weight: 0 to"),
        ({"parallel": 1.5}, "continual.parallel: 0 to 1 "),
        ({"ewc_weight": -1.0}, "continual.ewc_weight: 0 to"),
        ({"memory": 5}, "continual: no parameter named 'memory'; known: method"),
    ],
)
def test_bad_values_are_refused_by_name(values: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        params_from_mapping({"continual": values})


@pytest.mark.parametrize("method", METHODS)
def test_new_spoofs_and_all_bona_fide_are_seen_and_of_old_spoofs_the_memory(
    method: str, tiny_detector: Build, train_clips: Clips, tiny_params: Params
) -> None:
    lessons = lessons_of(train_clips, None, "A2")  # A1 is new
    params = choosing(tiny_params, method, memory_clips=3)
    continuation = continue_from(tiny_detector(), train_clips, lessons, params)
    assert seen(continuation) == {None: 12, "A1": 4, "A2": 3 if METHODS[method].replays else 0}


def test_a_recording_with_another_label_than_learnt_is_new(
    tiny_detector: Build, train_clips: Clips, tiny_params: Params
) -> None:
    lessons = lessons_of(train_clips, None, "A2") | {("A1-0", None), ("A1-1", "A1")}
    continuation = continue_from(
        tiny_detector(), train_clips, lessons, choosing(tiny_params, "rwm")
    )
    assert seen(continuation) == {None: 12, "A1": 3, "A2": 0}


@pytest.mark.parametrize("old_attacks", [(), (None, "A1", "A2"), ("A1",), (None,)])
def test_without_old_or_without_new_everything_is_learnt_from(
    old_attacks: tuple[str | None, ...],
    tiny_detector: Build,
    train_clips: Clips,
    tiny_params: Params,
) -> None:
    lessons = lessons_of(train_clips, *old_attacks)
    continuation = continue_from(
        tiny_detector(), train_clips, lessons, choosing(tiny_params, "ewc")
    )
    assert continuation.clips is train_clips
    assert repr(continuation.anchor) == repr(Anchor())


def test_the_method_none_changes_no_training(
    tiny_detector: Build, train_clips: Clips, dev_clips: Clips, tiny_params: Params
) -> None:
    plain, held = tiny_detector(), tiny_detector()
    lessons = lessons_of(train_clips, None, "A2")
    continuation = continue_from(held, train_clips, lessons, choosing(tiny_params, "none"))
    train(plain, train_clips, dev_clips, tiny_params)
    train(
        held,
        continuation.clips,
        dev_clips,
        tiny_params,
        rule=LearningRule(anchor=continuation.anchor),
    )
    assert weights_hash(plain.state_dict()) == weights_hash(held.state_dict())


@pytest.mark.parametrize("method", METHODS)
def test_a_killed_training_goes_on_to_the_same_weights(
    method: str,
    tmp_path: Path,
    tiny_detector: Build,
    train_clips: Clips,
    dev_clips: Clips,
    tiny_params: Params,
) -> None:
    params = choosing(tiny_params, method, memory_clips=5)
    lessons, place = lessons_of(train_clips, None, "A2"), tmp_path / "train.pt"

    def run(checkpoint: Path | None, until: int | None = None) -> str:
        def blow(epoch: object) -> None:
            if until is not None and len(epochs) == until:
                raise KeyboardInterrupt
            epochs.append(epoch)

        epochs: list[object] = []
        detector = tiny_detector()
        continuation = continue_from(detector, train_clips, lessons, params)
        train(
            detector,
            continuation.clips,
            dev_clips,
            params,
            rule=LearningRule(anchor=continuation.anchor),
            run=Execution(checkpoint=checkpoint, on_epoch=blow, checkpoint_every_s=0.0),
        )
        return weights_hash(detector.state_dict())

    with pytest.raises(KeyboardInterrupt):
        run(place, until=1)
    assert place.is_file()
    assert run(place) == run(None)


def test_the_checkpoint_of_another_method_is_left_aside(
    tmp_path: Path,
    tiny_detector: Build,
    train_clips: Clips,
    dev_clips: Clips,
    tiny_params: Params,
    caplog: pytest.LogCaptureFixture,
) -> None:
    lessons = lessons_of(train_clips, None, "A2")
    for weight in (1.0, 2.0):
        detector = tiny_detector()
        params = choosing(tiny_params, "lwf", distillation_weight=weight)
        continuation = continue_from(detector, train_clips, lessons, params)
        train(
            detector,
            continuation.clips,
            dev_clips,
            params,
            rule=LearningRule(anchor=continuation.anchor),
            run=Execution(checkpoint=tmp_path / "train.pt"),
        )
    assert "checkpoint of another training" in caplog.text


@pytest.mark.parametrize("method", [name for name in METHODS if name != "replay"])
def test_an_anchored_detector_stays_nearer_to_its_first_weights_or_answers(
    method: str,
    tiny_detector: Build,
    train_clips: Clips,
    dev_clips: Clips,
    tiny_params: Params,
) -> None:
    strong = {"ewc_weight": 1e4, "distillation_weight": 100.0, "parallel": 0.0}
    lessons = lessons_of(train_clips, None, "A2")
    lopsided = replace(tiny_params.training, bonafide_weight=0.9)  # moves every answer
    tiny_params = replace(tiny_params, training=lopsided)
    continuation = continue_from(
        tiny_detector(), train_clips, lessons, choosing(tiny_params, method, **strong)
    )
    drifts = []
    for anchor in (None, continuation.anchor):
        detector = tiny_detector()
        train(
            detector, continuation.clips, dev_clips, tiny_params, rule=LearningRule(anchor=anchor)
        )
        drifts.append(_drift(detector, tiny_detector(), train_clips))
    assert drifts[1] < 0.8 * drifts[0]


def _drift(detector: nn.Module, first: nn.Module, clips: Clips) -> float:
    """How far answers to all clips have moved."""
    window = SmallWindow(hop=600)
    now, then = (score_clips(judge, clips, window).cm_scores for judge in (detector, first))
    return float(abs(now - then).mean())
