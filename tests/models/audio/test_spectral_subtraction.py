from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from models.audio.reading import read_audio
from models.audio.spectral_subtraction import subtract_noise

Waveform = NDArray[np.float32]
OVER, FLOOR = 4.0, 0.02


def snr_db(speech: Waveform, noisy: Waveform) -> float:
    """Of speech over whatever else is heard."""
    rest = noisy.astype(np.float64) - speech
    return float(10 * np.log10(np.square(speech, dtype=np.float64).sum() / np.square(rest).sum()))


def hissing(speech: Waveform, wanted_db: float) -> Waveform:
    """Speech in white noise."""
    noise = np.random.default_rng(3).standard_normal(speech.size)
    factor = np.sqrt(np.square(speech).mean() / np.square(noise).mean() / 10 ** (wanted_db / 10))
    return (speech + factor * noise).astype(np.float32)


@pytest.fixture(scope="module")
def voice() -> Waveform:
    """Two seconds of a voice in syllables with pauses between them."""
    time = np.arange(32_000) / 16_000
    phase = 2 * np.pi * np.cumsum(120 + 20 * np.sin(2 * np.pi * 0.9 * time)) / 16_000
    tones = sum(np.sin(k * phase) / k for k in range(1, 30))
    syllables = np.clip(np.sin(2 * np.pi * 2.0 * time), 0.0, 1.0)
    return (0.15 * tones * syllables).astype(np.float32)


@pytest.mark.parametrize(("before", "gain"), [(0.0, 7.0), (10.0, 6.0), (20.0, 4.0)])
def test_the_snr_of_a_voice_in_steady_noise_rises(
    voice: Waveform, before: float, gain: float
) -> None:
    noisy = hissing(voice, before)
    assert snr_db(voice, subtract_noise(noisy, OVER, FLOOR)) > snr_db(voice, noisy) + gain


def test_more_is_taken_and_less_is_left_as_asked(voice: Waveform) -> None:
    noisy = hissing(voice, 5.0)
    pause = slice(4_500, 7_500)  # between two syllables

    def left_db(over: float, floor: float) -> float:
        power = np.square(subtract_noise(noisy, over, floor)[pause]).mean()
        return float(10 * np.log10(power / np.square(noisy[pause]).mean()))

    assert left_db(4.0, 0.1) == pytest.approx(-10.0, abs=1.0)
    assert left_db(4.0, 0.01) < left_db(4.0, 0.1) - 3.0
    assert left_db(1.0, 0.01) > left_db(4.0, 0.01) + 5.0


def test_real_speech_is_cleaned_and_clean_speech_barely_changes(shared: Path) -> None:
    with (shared / "corpus/protocol.csv").open(encoding="utf-8", newline="") as stream:
        paths = [row["path"] for row in csv.DictReader(stream) if row["label"] == "bonafide"]
    people = [read_audio(shared / "corpus" / path)[:64_600] for path in paths[::200]]
    clean = [snr_db(voice, subtract_noise(voice, OVER, FLOOR)) for voice in people]
    noisy = [
        snr_db(voice, subtract_noise(hissing(voice, 10.0), OVER, FLOOR)) - 10.0 for voice in people
    ]
    assert np.median(clean) > 25.0
    assert np.median(noisy) > 5.0
    assert min(noisy) > 3.0


def test_nothing_to_subtract_gives_back_what_went_in(voice: Waveform) -> None:
    assert np.array_equal(subtract_noise(np.zeros(8_000, np.float32), OVER, FLOOR), np.zeros(8_000))
    gaps = np.where(np.abs(np.arange(voice.size) - 16_000) < 8_000, 0.0, voice).astype(np.float32)
    assert np.abs(subtract_noise(gaps, 1e-9, 1.0) - gaps).max() < 1e-6  # not moved by a sample


def test_digital_silence_is_not_taken_for_the_noise(voice: Waveform) -> None:
    noisy = hissing(voice, 10.0)
    gap = np.concatenate([np.zeros(16_000, np.float32), noisy])
    cleaned = subtract_noise(gap, OVER, FLOOR)[17_000:]
    assert snr_db(voice[1_000:], cleaned) > 14.0


@pytest.mark.parametrize("samples", [1, 2, 255, 256, 257, 512, 1_600, 8_001])
def test_any_length_and_level_comes_back_as_long_finite_and_no_louder(samples: int) -> None:
    noise = np.random.default_rng(samples).standard_normal(samples).astype(np.float32)
    for level in (0.0, 1e-7, 1e-3, 1.0):
        hiss = np.float32(level) * noise
        before = hiss.copy()
        cleaned = subtract_noise(hiss, OVER, FLOOR)
        assert (cleaned.shape, cleaned.dtype) == (hiss.shape, np.float32)
        assert np.isfinite(cleaned).all()
        assert np.square(cleaned).sum() <= 1.001 * np.square(hiss).sum()
        assert np.array_equal(cleaned, subtract_noise(hiss, OVER, FLOOR))
        assert np.array_equal(hiss, before)
