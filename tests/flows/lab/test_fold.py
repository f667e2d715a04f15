from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from flows.lab.fold import Place, judge_fold, with_seed
from models.data.clips import Clips
from models.data.folds import Fold
from models.detectors import Detector
from models.evaluation.metrics.eer import eer
from models.params.adversarial import AdversarialParams
from models.params.tree import Params

pytestmark = pytest.mark.usefixtures("one_thread")


Build = Callable[[], Detector]


@pytest.fixture
def clips(three_attacks: Clips) -> Clips:
    return three_attacks


@pytest.fixture
def fold(clips: Clips) -> Fold:
    rows = np.arange(len(clips))
    held = np.array([attack == "A2" for attack in clips.attack_ids])
    free = ~held
    return Fold(
        "A2",
        train=rows[free & (rows % 3 == 0)],
        dev=rows[free & (rows % 3 == 1)],
        eval=rows[held | (clips.bonafide & (rows % 3 == 2))],
    )


@pytest.fixture
def params(tiny_params: Params) -> Params:
    return replace(tiny_params, adversarial=AdversarialParams(epochs=0))


def test_what_is_held_out_is_judged_by_what_was_learnt_from_the_rest(
    clips: Clips, fold: Fold, params: Params, tiny_detector: Build
) -> None:
    learning = replace(params, training=replace(params.training, epochs=16, steps_per_epoch=12))
    scores = judge_fold(clips, fold, learning, tiny_detector)
    assert scores.utterance_ids == clips.take(fold.eval).utterance_ids
    assert set(scores.by_attack()) == {"A2"}
    assert eer(scores.bonafide, scores.spoof) < 0.35


def test_what_is_held_out_is_never_listened_to(
    clips: Clips, fold: Fold, params: Params, tiny_detector: Build
) -> None:
    samples = clips.samples.copy()
    for row in fold.eval[1:]:
        start = int(clips.offsets[row])
        samples[start : start + int(clips.lengths[row])] //= 3
    other = Clips(clips.trials, samples, clips.offsets, clips.lengths)
    first, second = (judge_fold(side, fold, params, tiny_detector) for side in (clips, other))
    assert first.cm_scores[0] == second.cm_scores[0]
    assert not np.array_equal(first.cm_scores[1:], second.cm_scores[1:])


def test_a_seed_gives_the_same_scores_and_another_others(
    clips: Clips, fold: Fold, params: Params, tiny_detector: Build
) -> None:
    runs = [judge_fold(clips, fold, with_seed(params, n), tiny_detector) for n in (0, 0, 1)]
    assert np.array_equal(runs[0].cm_scores, runs[1].cm_scores)
    assert not np.array_equal(runs[0].cm_scores, runs[2].cm_scores)


def test_a_detector_is_hardened_where_params_ask_for_it(
    clips: Clips, fold: Fold, params: Params, tmp_path: Path, tiny_detector: Build
) -> None:
    hard = replace(params, adversarial=AdversarialParams(attack="fgsm", learning_rate=1e-3))
    place = Place(checkpoints=tmp_path)
    plain, hardened = (
        judge_fold(clips, fold, chosen, tiny_detector, place) for chosen in (params, hard)
    )
    assert not np.array_equal(plain.cm_scores, hardened.cm_scores)
    assert {path.name for path in tmp_path.iterdir()} == {"train.pt", "adversarial.pt"}


def test_a_training_that_was_killed_is_gone_on_with(
    clips: Clips, fold: Fold, params: Params, tmp_path: Path, tiny_detector: Build
) -> None:
    place = Place(checkpoints=tmp_path)
    first = judge_fold(clips, fold, params, tiny_detector, place)
    written = (tmp_path / "train.pt").stat().st_mtime_ns
    again = judge_fold(clips, fold, params, tiny_detector, place)
    assert np.array_equal(first.cm_scores, again.cm_scores)
    assert (tmp_path / "train.pt").stat().st_mtime_ns == written  # it was at its end
