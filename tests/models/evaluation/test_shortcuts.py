"""Columns that tell the label without speech are named, and others are not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from models.audio.clip_measures import Sound
from models.data.checks import Clip
from models.evaluation.metrics.eer import eer
from models.evaluation.shortcuts import (
    HIGHEST,
    MOST_SPECTRA,
    NUMBERS,
    Shortcut,
    of_spectrum,
    shortcut_findings,
    shortcuts,
    spread_evenly,
)
from models.trials import Trial

Draw = Callable[[bool, np.random.Generator], float]


def corpus(
    seed: int = 1,
    speakers: int = 20,
    clips: int = 5,
    source: Callable[[bool, int, np.random.Generator], str | None] = lambda *_: None,
    **numbers: Draw,
) -> list[Clip]:
    """Clips of as many bona fide as synthetic voices; numbers are drawn for each by its class."""
    rng, clips_of_all = np.random.default_rng(seed), []
    for bonafide in (True, False):
        for speaker in range(speakers):
            where = source(bonafide, speaker, rng)
            for clip in range(clips):
                name = f"{bonafide}-{speaker}"
                values = {key: float(rng.standard_normal()) for key in NUMBERS.values()}
                values |= {key: draw(bonafide, rng) for key, draw in numbers.items()}
                trial = Trial(
                    f"{name}-{clip}", Path("-"), None if bonafide else "tts",
                    speaker_id=name, source=where,
                )  # fmt: skip
                clips_of_all.append(Clip(trial, Sound("", 0.0, values)))
    return clips_of_all


def by_name(clips: list[Clip]) -> dict[str, Shortcut]:
    return {shortcut.column: shortcut for shortcut in shortcuts(clips)}


@pytest.mark.parametrize("sign", [1, -1])
def test_a_length_that_tells_the_classes_apart_is_found_whichever_is_longer(sign: int) -> None:
    clips = corpus(duration_s=lambda bonafide, rng: sign * 3 * bonafide + rng.standard_normal())
    length = by_name(clips)["length"]
    values = sign * np.array([clip.sound.values["duration_s"] for clip in clips])
    assert length.eer == eer(values[:100], values[100:])
    assert length.low <= length.eer <= length.high < HIGHEST
    (finding,) = shortcut_findings(shortcuts(clips))
    assert (finding.kind, finding.name, finding.value) == ("shortcut", "length", length.eer)
    assert f"an EER of {100 * length.eer:.1f} %" in finding.what
    assert "match it between the classes" in finding.what


def test_a_source_of_one_class_is_found() -> None:
    clips = corpus(source=lambda bonafide, speaker, _: f"{bonafide}-{speaker % 4}")
    assert by_name(clips)["source"].eer == 0.0
    assert [finding.name for finding in shortcut_findings(shortcuts(clips))] == ["source"]


def test_sources_that_hold_both_classes_alike_say_nothing() -> None:
    clips = corpus(source=lambda _, speaker, __: f"{speaker % 4}")
    assert by_name(clips)["source"].eer >= 0.45


def test_a_name_for_each_clip_says_nothing() -> None:
    clips = [
        Clip(Trial(str(n), Path("-"), "tts" if n % 2 else None, source=str(n)), clip.sound)
        for n, clip in enumerate(corpus())
    ]
    assert by_name(clips)["source"].eer == 0.5


def test_voices_that_differ_by_chance_are_no_finding() -> None:
    """Each voice has a length and a source of its own, of neither of which the class is a cause."""
    for seed in range(10):
        rng = np.random.default_rng(seed)
        lengths = iter(np.repeat(rng.standard_normal(20), 20))
        clips = corpus(
            seed, speakers=10, clips=20,
            source=lambda _, __, rng: str(rng.integers(8)),
            duration_s=lambda _, rng, lengths=lengths: next(lengths) + 0.5 * rng.standard_normal(),
        )  # fmt: skip
        assert shortcut_findings(shortcuts(clips)) == []


def test_a_column_of_one_class_only_or_of_few_clips_is_left_out() -> None:
    of_people = corpus(source=lambda bonafide, _, __: "studio" if bonafide else None)
    assert list(by_name(of_people)) == list(NUMBERS)
    assert shortcuts(corpus(speakers=3)) == ()


def test_the_spectrum_is_judged_on_voices_that_the_regression_did_not_hear() -> None:
    clips, rng = corpus(), np.random.default_rng(2)
    trials = [clip.trial for clip in clips]
    voices = np.repeat(4 * rng.standard_normal((40, 60)), 5, axis=0)  # a colour for each voice
    noise = rng.standard_normal(voices.shape)
    by_chance = of_spectrum(trials, (voices + noise).astype(np.float32))
    assert by_chance is not None
    assert by_chance.eer >= 0.3
    bright = np.array([trial.attack_id is None for trial in trials])[:, None]
    by_class = of_spectrum(trials, (3 * bright + noise).astype(np.float32))
    assert by_class is not None
    assert by_class.eer <= 0.02


def test_one_voice_has_no_spectrum_to_be_judged_by() -> None:
    trials = [Trial(str(n), Path("-"), "tts" if n % 2 else None, speaker_id="s") for n in range(60)]
    assert of_spectrum(trials, np.zeros((60, 4), np.float32)) is None


def test_spectra_of_a_large_corpus_are_spread_evenly() -> None:
    assert len(spread_evenly(100)) == 100
    places = spread_evenly(100_000)
    assert MOST_SPECTRA / 2 < len(places) <= MOST_SPECTRA
    assert places[-1] >= 99_000
    assert len(spread_evenly(0)) == 0
