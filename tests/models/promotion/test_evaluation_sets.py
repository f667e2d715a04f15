"""Which trials are in which set, and what a version of a set is told by."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from models.data.clips import Clips
from models.errors import InputError
from models.evaluation.scores import Scores
from models.params.evaluation_sets import BonafideHardParams
from models.params.tree import params_from_mapping
from models.promotion import EvaluationSet
from models.promotion.channel_clips import through_channels
from models.promotion.evaluation_sets import (
    CHANNELS,
    EVAL,
    TrialSet,
    clip_hashes,
    hard_bonafide,
    split_eval,
    version_of,
)
from models.trials import Trial

RATE = 16_000
HARD = BonafideHardParams(trials=3, effects={"gsm": True, "white_noise": True, "opus": False})


def trial(name: str, attack: str | None = None, **columns: str) -> Trial:
    return replace(Trial(name, Path("-"), attack), **columns)


def clips(*trials: Trial, seed: int = 1) -> Clips:
    rng = np.random.default_rng(seed)
    sounds = [(0.1 * rng.standard_normal(RATE // 2)).astype(np.float32) for _ in trials]
    return Clips.from_arrays(trials, sounds)


EIGHT = clips(
    trial("base/a", language="fr", extra={"room": "hall"}),
    trial("field/field-9", "new"),
    trial("base/b", "old"),
    trial("field/field-10"),
    trial("base/c", language="en", codec="g722"),
    trial("field/field-2"),
    trial("base/d", language="fr"),
    trial("base/e"),
)


def names(of: Clips, rows: np.ndarray) -> list[str]:
    return [of.utterance_ids[row] for row in rows]


def test_rolling_is_the_newest_of_the_field_and_frozen_all_that_is_not_of_it() -> None:
    frozen, rolling = split_eval(EIGHT, 2)
    assert names(EIGHT, frozen) == ["base/a", "base/b", "base/c", "base/d", "base/e"]
    assert names(EIGHT, rolling) == ["field/field-9", "field/field-10"]  # not in order of letters
    assert len(split_eval(EIGHT, 50)[1]) == 3
    assert len(split_eval(EIGHT, 0)[1]) == 0


def test_a_version_is_told_by_trials_and_audio_and_not_by_their_order() -> None:
    version = version_of(EIGHT)
    assert version_of(EIGHT.take([7, 6, 5, 4, 3, 2, 1, 0])) == version
    assert version_of(EIGHT.take(range(7))) != version
    assert version_of(clips(*EIGHT.trials, seed=2)) != version
    relabelled = replace(EIGHT, trials=(*EIGHT.trials[:7], trial("base/e", "old")))
    assert version_of(relabelled) != version
    half = TrialSet(EvaluationSet.FROZEN, {EVAL: np.array([0, 2])})
    assert half.version({EVAL: clip_hashes(EIGHT)}) == version_of(EIGHT.take([2, 0]))


def test_what_becomes_of_a_clip_in_a_channel_does_not_depend_on_the_others() -> None:
    rows = [0, 4, 6, 7]
    passed = through_channels(EIGHT, rows, HARD, seed=1)
    assert len(passed) == 3 * 2  # trials through effects that are on
    alone = through_channels(EIGHT, [row for row in rows if EIGHT.trials[row].utterance_id
                                     in passed.utterance_ids[0]], HARD, seed=1)  # fmt: skip
    at = passed.utterance_ids.index(alone.utterance_ids[0])
    assert np.array_equal(passed.waveform(at), alone.waveform(0))
    assert version_of(passed) == version_of(through_channels(EIGHT, rows[::-1], HARD, seed=1))
    assert version_of(passed) != version_of(through_channels(EIGHT, rows, HARD, seed=2))


def test_slices_point_at_bona_fide_speech_of_their_language_codec_or_channel() -> None:
    passed = through_channels(EIGHT, [0, 4, 6, 7], HARD, seed=1)
    hard = hard_bonafide(EIGHT, np.arange(8), passed, ("language", "codec", "room"))
    ids = [*names(EIGHT, hard.rows[EVAL]), *passed.utterance_ids]
    slices = {name: [ids[row] for row in rows] for name, rows in hard.slices.items()}
    assert slices["language=fr"] == ["base/a", "base/d"]
    assert slices["codec=g722"] == ["base/c"]
    assert slices["room=hall"] == ["base/a"]  # a column that only this corpus has
    assert set(slices) == {"language=fr", "language=en", "codec=g722", "room=hall",
                          "through=gsm", "through=white_noise"}  # fmt: skip
    assert all(name.startswith("gsm:base/") for name in slices["through=gsm"])
    assert len(slices["through=gsm"]) == 3
    assert len(hard) == len(ids) == 6 + 6


def test_clips_through_channels_stay_with_the_speaker_they_were_made_from() -> None:
    spoken = clips(trial("base/a", speaker_id="ann"), trial("base/b"))
    passed = through_channels(spoken, [0, 1], HARD, seed=1)
    assert set(passed.clusters) == {"ann", "base/b"}


def test_scores_of_a_set_are_those_of_its_rows() -> None:
    def scored(name: str, count: int) -> Scores:
        ids = tuple(f"{name}{row}" for row in range(count))
        return Scores(ids, (None,) * count, np.arange(count) + 10.0 * len(name), ids)

    both = TrialSet(
        EvaluationSet.BONAFIDE_HARD, {EVAL: np.array([2, 0]), CHANNELS: np.array([1])}
    ).scores("candidate", {EVAL: scored("e", 4), CHANNELS: scored("ch", 2)})
    assert both.utterance_ids == ("e2", "e0", "ch1")
    assert both.cm_scores.tolist() == [12.0, 10.0, 21.0]


@pytest.mark.parametrize(
    ("section", "sentence"),
    [
        ("bonafide_hard: {effects: {gms: true}}", "no effect named 'gms'; known: telephone_band"),
        ("sentinel: [field]", "sentinel: a base corpus expected, found 'field'"),
        ("sentinel: [a, a]", "sentinel: each corpus once expected"),
        ("adversarial: {snr_db: -1}", "adversarial.snr_db: 0 to 120 expected, found -1"),
        ("adversarial: {attack: pdg}", "attack: one of fgsm"),
    ],
)
def test_params_that_cannot_be_meant_are_refused_by_name(section: str, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        params_from_mapping({"evaluation_sets": yaml.safe_load(section)})
