from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from torch import nn

from models.augmentations import AUGMENTATIONS
from models.data.clips import Clips, open_clips, pack
from models.errors import InputError
from models.params.tree import Params, params_from_mapping
from models.training.loading import batches_ahead
from models.training.sampling import Sampler
from models.training.state import weights_hash
from models.training.train import Execution, LearningRule, train
from models.trials import Trial

ALL_EFFECTS = dict.fromkeys(AUGMENTATIONS, 0.5)
LENGTH = 900  # samples of a human clip; crops have 600


def with_copies(copied: Callable[[NDArray[np.float32]], NDArray[np.float32]]) -> Clips:
    """12 human clips, the first 6 with two copies each, and 4 spoofs that are no copies."""
    rng = np.random.default_rng(4)
    voices = [(0.1 * rng.standard_normal(LENGTH)).astype(np.float32) for _ in range(16)]
    humans = [Trial(f"b{i}", Path("b"), None, speaker_id=f"s{i % 3}") for i in range(12)]
    copies = [
        Trial(f"{vocoder}-{i}", Path("c"), vocoder, parent=f"b{i}")
        for vocoder in ("V1", "V2")
        for i in range(6)
    ]
    others = [Trial(f"t{i}", Path("t"), "T", parent="elsewhere") for i in range(4)]
    waveforms = [*voices[:12], *(copied(voices[i % 6]) for i in range(12)), *voices[12:]]
    return Clips.from_arrays([*humans, *copies, *others], waveforms)


def sampler(clips: Clips, params: Params, effects: dict[str, float], **changes: object) -> Sampler:
    training = replace(params.training, **{"pairs": 0.5, **changes})
    return Sampler(clips, training, effects)


def test_a_share_of_a_batch_is_human_clips_with_copies_of_them(tiny_params: Params) -> None:
    clips = with_copies(np.copy)
    drawn = sampler(clips, tiny_params, {}, batch_size=10, pairs=0.6)
    names = set()
    for step in range(60):
        indices = drawn.balanced(np.random.default_rng(step))
        assert clips.bonafide[indices].tolist() == [True] * 5 + [False] * 5
        for human, copy in zip(indices[:3], indices[5:8], strict=True):
            assert clips.trials[copy].parent == clips.trials[human].utterance_id
            names.add(clips.utterance_ids[copy])
    assert len(names) == 12


@pytest.mark.parametrize("extra", [0, 37])
def test_a_copy_with_the_samples_of_its_human_is_heard_as_the_human(
    extra: int, tiny_params: Params
) -> None:
    rng = np.random.default_rng(5)
    tail = (0.1 * rng.standard_normal(extra)).astype(np.float32)
    clips = with_copies(lambda voice: np.concatenate([voice, tail]))
    drawn = sampler(clips, tiny_params, ALL_EFFECTS, pairs=1.0)
    batches = [drawn.batch(step)[0] for step in range(30)]
    for batch in batches:
        assert np.array_equal(batch[:4], batch[4:])
    places = {row.tobytes() for batch in batches for row in batch[:4]}
    assert len(places) > 60  # of 120: no two pairs hear the same by rule


def test_a_copy_of_another_level_gets_the_same_shifts_filters_and_masks(
    tiny_params: Params,
) -> None:
    clips = with_copies(lambda voice: 0.5 * voice)
    linear = ("time_shift", "room", "gain", "telephone_band", "resampling", "time_mask",
              "frequency_mask")  # fmt: skip
    drawn = sampler(clips, tiny_params, dict.fromkeys(linear, 0.5), pairs=1.0)
    for step in range(30):
        batch = drawn.batch(step)[0]
        if np.abs(batch).max() < 1.0:
            gap = np.abs(0.5 * batch[:4] - batch[4:]).max()
            assert gap < 0.02 * np.abs(batch[:4]).max()  # 16-bit rounding of quiet clips


def test_clips_outside_of_pairs_stay_independent(tiny_params: Params) -> None:
    drawn = sampler(with_copies(np.copy), tiny_params, {"white_noise": 1.0})
    batch = drawn.batch(2)[0]
    assert np.array_equal(batch[:2], batch[4:6])
    rest = [*batch[2:4], *batch[6:]]
    assert len({row.tobytes() for row in rest}) == 4


def test_batches_without_pairs_are_those_of_before(tiny_params: Params) -> None:
    clips = with_copies(np.copy)
    orphans = replace(clips, trials=tuple(replace(trial, parent=None) for trial in clips.trials))
    without = sampler(clips, tiny_params, ALL_EFFECTS, pairs=0.0)
    before = sampler(orphans, tiny_params, ALL_EFFECTS, pairs=0.0)
    assert all(np.array_equal(without.batch(s)[0], before.batch(s)[0]) for s in range(5))


def test_pairs_are_the_same_in_some_rows_and_in_other_processes(
    tiny_params: Params, tmp_path: Path
) -> None:
    clips = with_copies(lambda voice: voice[::-1])
    audio = {Path(str(i)): clips.waveform(i) for i in range(len(clips))}
    trials = [replace(trial, path=Path(str(i))) for i, trial in enumerate(clips.trials)]
    pack(trials, audio.__getitem__, tmp_path, "train")
    effects = {"white_noise": 0.5, "codec": 0.5, "speed": 0.5}
    training = replace(tiny_params.training, pairs=0.5)
    whole = Sampler(open_clips(tmp_path, "train"), training, effects)
    some = Sampler(open_clips(tmp_path, "train"), training, effects, rows=[6, 0, 4])
    assert np.array_equal(some.batch(3)[0], whole.batch(3)[0][[6, 0, 4]])
    with batches_ahead(whole, 2, 0) as batches:
        for step in range(6):
            waveforms, labels = batches(step)
            assert np.array_equal(waveforms, whole.batch(step)[0])
            assert np.array_equal(labels, whole.batch(step)[1])


@pytest.mark.usefixtures("one_thread")
def test_a_training_on_pairs_that_was_killed_ends_at_the_same_weights(
    tiny_detector: Callable[[], nn.Module], dev_clips: Clips, tiny_params: Params, tmp_path: Path
) -> None:
    class Killed(BaseException): ...

    class Bomb:
        left = -1

        def __repr__(self) -> str:
            return "Bomb()"

        def __call__(self, _: nn.Module, waveforms: object, *_others: object) -> object:
            if self.left == 0:
                raise Killed
            self.left -= 1
            return waveforms

    def run(bomb: Bomb, place: Path | None) -> str:
        detector = tiny_detector()
        training = replace(tiny_params.training, pairs=0.5, accumulate=2)
        params = replace(tiny_params, training=training)
        how = Execution(checkpoint=place, checkpoint_every_s=0.0)
        train(detector, clips, dev_clips, params, rule=LearningRule(transform=bomb), run=how)
        return weights_hash(detector.state_dict())

    clips = with_copies(lambda voice: 0.9 * voice)
    cut = Bomb()
    cut.left = 7
    with pytest.raises(Killed):
        run(cut, tmp_path / "train.pt")
    assert run(Bomb(), tmp_path / "train.pt") == run(Bomb(), None)


def test_train_clips_without_copies_are_refused_in_one_sentence(
    train_clips: Clips, tiny_params: Params
) -> None:
    with pytest.raises(InputError, match=r"training\.pairs: spoofs of train whose .* found none"):
        sampler(train_clips, tiny_params, {})


def test_pairs_in_passes_over_all_clips_are_refused_by_name() -> None:
    with pytest.raises(InputError, match=r"training\.pairs: 0 expected where .*balanced is false"):
        params_from_mapping({"training": {"pairs": 0.5, "balanced": False}})
