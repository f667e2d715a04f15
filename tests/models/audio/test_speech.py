"""Speech is found where people speak; what nobody can judge is refused with the right reason."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from models.audio.reading import read_audio
from models.audio.speech import (
    Unscorable,
    net_speech_s,
    speech_frames,
    why_unscorable,
)
from models.augmentations.processing.coding import through
from models.augmentations.processing.named_codecs import G711_MULAW

Wave = NDArray[np.float32]
TIME = np.arange(4 * 16_000) / 16_000


@pytest.fixture(scope="module")
def utterances(shared: Path) -> list[Wave]:
    """Two of each source and attack: twelve corpora, nine languages and nine synthesisers."""
    return list(_read_utterances(shared / "corpus", number=2))


def _read_utterances(corpus: Path, number: int) -> Iterator[Wave]:
    counts: dict[tuple[str, str], int] = {}
    with (corpus / "protocol.csv").open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            kind = (row["source"], row["attack_id"])
            counts[kind] = counts.get(kind, 0) + 1
            if counts[kind] <= number:
                yield soundfile.read(corpus / row["path"], dtype="float32")[0]


def sine(*hertz: float) -> Wave:
    return sum(0.2 * np.sin(2 * np.pi * f * TIME) for f in hertz).astype(np.float32)  # type: ignore[union-attr]


def pulsed(tone: Wave, on_s: float, off_s: float) -> Wave:
    return np.where(TIME % (on_s + off_s) < on_s, tone, 0).astype(np.float32)


TONES = {
    "dial tone": sine(350, 440),
    "busy": pulsed(sine(480, 620), 0.5, 0.5),
    "ringing": pulsed(sine(440, 480), 2, 4),
    "keypad": pulsed(sine(697, 1336), 0.1, 0.1),
    "beep": sine(1_000),
    "fax": sine(2_100),
    "hum": sine(50, 150),
}


def test_hardly_any_speech_is_refused_whatever_the_language_or_the_synthesiser(
    utterances: list[Wave],
) -> None:
    assert len(utterances) > 150
    reasons = [reason for wave in utterances if (reason := why_unscorable(wave))]
    assert len(reasons) <= 1  # a cry of one vowel: 2 of the corpus's 2,230 utterances


def test_speech_is_scorable_over_a_telephone_quiet_and_in_noise(utterances: list[Wave]) -> None:
    rng = np.random.default_rng(2)
    for wave in (wave for wave in utterances[3::8] if net_speech_s(wave) > 1):
        noise = rng.standard_normal(wave.size) * np.sqrt(np.mean(wave**2)) * 10**-0.5
        assert why_unscorable(through(G711_MULAW, wave, rng)) is None
        assert why_unscorable(0.01 * wave) is None
        assert why_unscorable((wave + noise).astype(np.float32)) is None  # 10 dB


@pytest.mark.parametrize("tone", TONES.values(), ids=list(TONES))
def test_what_a_line_plays_is_no_speech(tone: Wave) -> None:
    assert why_unscorable(tone) is Unscorable.MUSIC_OR_TONE


def test_noise_and_silence_have_reasons_of_their_own() -> None:
    noise = np.random.default_rng(3).standard_normal(64_000).astype(np.float32)
    assert why_unscorable(0.1 * noise) is Unscorable.NOISE
    assert why_unscorable(1e-5 * noise) is Unscorable.SILENT
    assert why_unscorable(np.zeros(64_000, np.float32)) is Unscorable.SILENT


def test_most_ambience_is_scored_rather_than_a_caller_refused(shared: Path) -> None:
    files = sorted((shared / "noise" / "ambience").glob("*.flac"))
    reasons = [why_unscorable(read_audio(path)) for path in files]
    assert {Unscorable.NOISE, Unscorable.MUSIC_OR_TONE} <= set(reasons)


def test_speech_driven_ten_times_over_full_scale_is_clipped(utterances: list[Wave]) -> None:
    for wave in utterances[3::8]:
        loud = np.clip(30 * wave / np.abs(wave).max(), -1, 1).astype(np.float32)
        assert why_unscorable(loud) is Unscorable.CLIPPED
        assert why_unscorable(0.2 * loud) is Unscorable.CLIPPED  # made quieter afterwards


def test_a_syllable_is_too_short(utterances: list[Wave]) -> None:
    for wave in utterances[3::8]:
        start = max(int(np.abs(wave).argmax()) - 1_600, 0)
        assert why_unscorable(wave[start : start + 3_200]) is Unscorable.TOO_SHORT
        pause = np.zeros(64_000, np.float32)
        syllable = np.concatenate([pause, wave[start : start + 3_200], pause])
        assert why_unscorable(syllable) is Unscorable.TOO_SHORT


def test_pauses_are_not_counted_as_speech(utterances: list[Wave]) -> None:
    pause = 1e-4 * np.random.default_rng(4).standard_normal(80_000).astype(np.float32)
    for wave in utterances[3::8]:
        alone = net_speech_s(wave)
        assert 0.3 < alone <= wave.size / 16_000
        together = np.concatenate([pause, wave, pause, wave, pause])
        assert net_speech_s(together) == pytest.approx(2 * alone, rel=0.2)
        frames = speech_frames(together)
        assert not frames[:450].any()
        assert frames.size == 1 + (together.size - 512) // 160


def test_long_recordings_are_analysed_as_short_ones_are(utterances: list[Wave]) -> None:
    wave = np.concatenate(utterances[:20])
    assert wave.size > 2_100 * 160  # more frames than are transformed at once
    start = 1_900 * 160
    part = speech_frames(wave[start : start + 200 * 160 + 352])
    agree = speech_frames(wave)[1_900:2_100] == part
    assert agree[10:-10].mean() > 0.97  # the level of the loud frames may differ a little


@pytest.mark.parametrize("size", [1, 100, 512, 513])
def test_the_shortest_waveforms_have_frames_too(size: int) -> None:
    assert speech_frames(np.ones(size, np.float32)).shape == (1,)


def test_more_than_one_channel_is_refused() -> None:
    with pytest.raises(ValueError, match=r"mono waveform expected, found shape \(2, 5\)"):
        why_unscorable(np.zeros((2, 5), np.float32))
