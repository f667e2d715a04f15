from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.data.clips import Clips
from models.errors import InputError
from models.params.augmentation import AugmentationAudioParams
from models.params.tree import Params
from models.params.window import WindowParams
from models.training.sampling import Sampler, crop
from models.trials import Trial


def sampler(clips: Clips, params: Params, **changes: object) -> Sampler:
    return Sampler(clips, replace(params.training, **changes), params.augmentation)


def test_a_batch_depends_on_seed_and_step_alone(train_clips: Clips, tiny_params: Params) -> None:
    first, again = sampler(train_clips, tiny_params), sampler(train_clips, tiny_params)
    again.batch(0)
    again.batch(9)
    assert np.array_equal(first.batch(3)[0], again.batch(3)[0])
    assert not np.array_equal(first.batch(3)[0], first.batch(4)[0])
    other = sampler(train_clips, tiny_params, seed=5)
    assert not np.array_equal(first.batch(3)[0], other.batch(3)[0])


def test_balanced_batches_hold_classes_and_attacks_evenly(
    train_clips: Clips, tiny_params: Params
) -> None:
    drawn = sampler(train_clips, tiny_params, batch_size=10)
    counts: Counter[str | None] = Counter()
    for step in range(200):
        indices = drawn.balanced(np.random.default_rng(step))
        counts.update(train_clips.attack_ids[i] for i in indices)
        assert train_clips.bonafide[indices].sum() == 5
    assert counts[None] == 1000
    deviation = math.sqrt(1_000 / 4)  # of as many throws of a coin
    assert counts["A1"] == pytest.approx(500, abs=4 * deviation)  # A2 has twice the clips


@pytest.mark.parametrize(
    ("evenly", "share"), [("clips", 0.25), ("speakers", 0.5), ("sources", 0.5)]
)
def test_bona_fide_speech_comes_evenly_from_what_is_named(
    evenly: str, share: float, train_clips: Clips, tiny_params: Params
) -> None:
    humans = np.flatnonzero(train_clips.bonafide)
    few = set(humans[: humans.size // 4].tolist())  # of one speaker and source; the rest of another
    trials = [
        replace(trial, speaker_id="few", source="few") if row in few else
        replace(trial, speaker_id="many", source="many")
        for row, trial in enumerate(train_clips.trials)
    ]  # fmt: skip
    clips = replace(train_clips, trials=tuple(trials))
    drawn = sampler(clips, tiny_params, batch_size=10, bonafide_evenly=evenly)
    batches = [drawn.balanced(np.random.default_rng(step)) for step in range(200)]
    is_few = [row in few for batch in batches for row in batch if clips.bonafide[row]]
    deviation = math.sqrt(share * (1 - share) / len(is_few))
    assert np.mean(is_few) == pytest.approx(share, abs=4 * deviation)


def test_clips_that_name_no_speaker_count_as_one_together(
    train_clips: Clips, tiny_params: Params
) -> None:
    trials = tuple(replace(trial, speaker_id=None) for trial in train_clips.trials)
    clips = replace(train_clips, trials=trials)
    plain, evenly = (
        sampler(clips, tiny_params, bonafide_evenly=evenly) for evenly in ("clips", "speakers")
    )
    assert np.array_equal(plain.batch(5)[0], evenly.batch(5)[0])


def test_an_odd_batch_favours_no_class(train_clips: Clips, tiny_params: Params) -> None:
    drawn = sampler(train_clips, tiny_params, batch_size=3)
    batches = [drawn.balanced(np.random.default_rng(step)) for step in range(400)]
    deviation = math.sqrt(400 / 4)  # of each batch's odd clip
    assert train_clips.bonafide[np.concatenate(batches)].sum() == pytest.approx(
        600, abs=4 * deviation
    )


def test_unbalanced_passes_show_each_clip_once(train_clips: Clips, tiny_params: Params) -> None:
    drawn = sampler(train_clips, tiny_params, balanced=False, steps_per_epoch=0)
    assert drawn.epochs.length(0) == 3  # 24 clips by eights
    first = np.concatenate([drawn.in_order(step) for step in range(3)])
    second = np.concatenate([drawn.in_order(step) for step in range(3, 6)])
    assert sorted(first) == sorted(second) == list(range(24))
    assert first.tolist() != second.tolist()


def test_a_short_clip_is_tiled_and_a_long_one_cut_anywhere(train_clips: Clips) -> None:
    rng = np.random.default_rng(0)
    whole = train_clips.waveform(0)
    assert np.array_equal(crop(train_clips, 0, 2 * whole.size, rng), np.tile(whole, 2))
    starts = {int(np.flatnonzero(whole == crop(train_clips, 0, 897, rng)[0])[0]) for _ in range(60)}
    assert starts == {0, 1, 2, 3}  # the last sample is as likely as the first


def voices_of_many_lengths() -> Clips:
    """40 clips of 0.25 to 1.75 s, half of each class."""
    rng = np.random.default_rng(6)
    lengths = np.linspace(4_000, 28_000, 40).astype(int)
    trials = [Trial(f"u{n}", Path("u"), "A" if n % 2 else None) for n in range(40)]
    voices = [(0.1 * rng.standard_normal(n)).astype(np.float32) for n in lengths]
    return Clips.from_arrays(trials, voices)


def test_crops_are_as_long_as_clips_where_short_ones_have_windows_of_their_own(
    tiny_params: Params,
) -> None:
    training = replace(tiny_params.training, crop_samples=20_000, steps_per_epoch=300)
    clips = voices_of_many_lengths()
    own = WindowParams(samples=20_000, short="own")
    drawn = Sampler(clips, training, {}, window=own)
    untiled = lengths = 0
    for step in range(300):
        waveforms, labels = drawn.batch(step)
        assert labels.sum() == 4
        samples = waveforms.shape[1]
        assert 8_000 <= samples <= 20_000
        indices = drawn.balanced(np.random.default_rng([training.seed, step]))
        untiled += int((clips.lengths[indices] >= samples).sum())
        lengths += samples < 20_000
    assert untiled / (300 * 8) > 0.64  # 0.69 ± 0.01 expected; 0.59 at the length of any one clip
    assert lengths > 150
    tiled = Sampler(clips, training, {}, window=replace(own, short="tile"))
    assert {tiled.batch(step)[0].shape for step in range(20)} == {(8, 20_000)}


def test_labels_are_one_for_bona_fide(train_clips: Clips, tiny_params: Params) -> None:
    waveforms, labels = sampler(train_clips, tiny_params).batch(0)
    assert waveforms.shape == (8, 600)
    assert waveforms.dtype == np.float32
    assert labels.tolist() == [1, 1, 1, 1, 0, 0, 0, 0]


@pytest.mark.parametrize("balanced", [True, False])
def test_some_rows_of_a_batch_are_those_of_the_whole(
    balanced: bool, train_clips: Clips, tiny_params: Params
) -> None:
    training = replace(tiny_params.training, balanced=balanced)
    effects = {"gain": 0.5, "white_noise": 0.5, "speed": 0.5}
    waveforms, labels = Sampler(train_clips, training, effects).batch(3)
    some, all_labels = Sampler(train_clips, training, effects, rows=[6, 1, 7]).batch(3)
    assert np.array_equal(some, waveforms[[6, 1, 7]])
    assert np.array_equal(all_labels, labels)


def test_a_batch_is_written_into_a_place_without_the_trials(
    train_clips: Clips, tiny_params: Params
) -> None:
    whole = sampler(train_clips, tiny_params)
    place = np.zeros((8, 600), np.float32)
    waveforms, labels = whole.without_trials().batch(3, place)
    assert waveforms is place
    assert np.array_equal(place, whole.batch(3)[0])
    assert np.array_equal(labels, whole.batch(3)[1])
    assert len(whole.clips) == 24


def test_one_class_alone_is_refused(train_clips: Clips, tiny_params: Params) -> None:
    with pytest.raises(InputError, match="found 12 bonafide and 0 spoof"):
        sampler(train_clips.take(range(12)), tiny_params)


def test_an_unknown_augmentation_is_refused_by_name(
    train_clips: Clips, tiny_params: Params
) -> None:
    with pytest.raises(InputError, match="'echoo'; known: silence_trimming, speed"):
        Sampler(train_clips, tiny_params.training, {"echoo": 0.5})


def test_a_missing_folder_of_noise_is_refused_before_the_first_batch(
    train_clips: Clips, tiny_params: Params
) -> None:
    audio = AugmentationAudioParams(noise="/nowhere")
    with pytest.raises(InputError, match=r"augmentation_audio\.noise: .* none at /nowhere"):
        Sampler(train_clips, tiny_params.training, {"background": 0.5}, audio)


def test_an_effect_of_probability_0_is_never_heard(train_clips: Clips, tiny_params: Params) -> None:
    plain = Sampler(train_clips, tiny_params.training, {"time_mask": 0.0}).batch(0)[0]
    masked = Sampler(train_clips, tiny_params.training, {"time_mask": 1.0}).batch(0)[0]
    assert (plain == 0).mean() < 0.01 < (masked == 0).mean()
