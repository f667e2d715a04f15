"""What separates the classes without listening is gone after matching."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from flows.demo.corpora.matching import (
    band_limit,
    lend_channel,
    lend_noise,
    match_human,
    match_synthetic,
    noise_spectrum,
    speech_spectrum,
    to_level,
    trim,
)
from flows.demo.corpora.round_trips import CODECS, g722
from models.audio.reading import SAMPLE_RATE

Waveform = NDArray[np.float32]


def tone(hertz: float, seconds: float = 1.0, amplitude: float = 0.3) -> Waveform:
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return (amplitude * np.sin(2 * np.pi * hertz * time)).astype(np.float32)


def speechlike(seed: int, pitch: float = 120.0, noise: float = 1e-3) -> Waveform:
    """Two seconds of syllables: harmonics that come and go four times a second, over noise."""
    time = np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE
    voice = sum(np.sin(2 * np.pi * pitch * n * time) / n for n in range(1, 30))
    syllables = np.clip(np.sin(2 * np.pi * 4 * time), 0, None)
    background = np.random.default_rng(seed).standard_normal(len(time)) * noise
    return np.asarray(0.2 * voice * syllables + background, dtype=np.float32)


def decibel(power: float) -> float:
    return float(10 * np.log10(power + 1e-20))


def test_what_not_every_source_has_is_cut_off_and_the_rest_is_kept() -> None:
    def kept(hertz: float) -> float:
        whole = tone(hertz)
        return decibel(float(np.mean(band_limit(whole) ** 2) / np.mean(whole**2)))

    assert kept(10) < -40
    assert kept(7_600) < -40
    assert abs(kept(100)) < 0.5
    assert abs(kept(6_900)) < 0.5


def test_silence_around_speech_is_cut_to_the_margin() -> None:
    hush = np.full(SAMPLE_RATE, 1e-4, dtype=np.float32)
    trimmed = trim(np.concatenate([hush, tone(300), hush, hush]))
    assert len(trimmed) / SAMPLE_RATE == pytest.approx(1.1, abs=0.03)


@pytest.mark.parametrize("amplitude", [0.001, 0.05, 0.9])
def test_every_level_becomes_the_same(amplitude: float) -> None:
    levelled = to_level(tone(300, amplitude=amplitude))
    assert decibel(float(np.mean(levelled**2))) == pytest.approx(-26, abs=0.2)


def test_a_lent_channel_brings_the_long_term_spectrum_of_the_donor() -> None:
    donor = band_limit(np.convolve(speechlike(1), [1, 0.9, 0.5], "same").astype(np.float32))
    plain = band_limit(np.convolve(speechlike(2), [1, -0.9], "same").astype(np.float32))

    def distance(waveform: Waveform) -> float:
        bands = np.array_split(np.arange(8, 440), 24)  # 125 Hz to 6.9 kHz
        mine, other = speech_spectrum(waveform), speech_spectrum(donor)
        decibels = [decibel(mine[band].sum() / other[band].sum()) for band in bands]
        return float(np.std(decibels))

    assert distance(plain) > 5
    assert distance(lend_channel(plain, donor)) < 2


def test_lent_noise_is_as_far_below_speech_as_the_donors() -> None:
    donor, clean = speechlike(1, noise=0.01), speechlike(2, noise=0.0)

    def floor(waveform: Waveform) -> float:
        return decibel(noise_spectrum(waveform).sum() / speech_spectrum(waveform).sum())

    assert floor(clean) < floor(donor) - 15
    assert floor(lend_noise(clean, donor, seed=3)) == pytest.approx(floor(donor), abs=2)


@pytest.mark.parametrize("name", CODECS)
def test_a_codec_changes_little_and_keeps_the_time(name: str) -> None:
    time = np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE
    waveform = 0.1 * np.sin(2 * np.pi * (200 * time + 700 * time**2)).astype(np.float32)
    coded = CODECS[name](waveform)
    assert abs(len(coded) - len(waveform)) < 0.02 * SAMPLE_RATE
    lags = np.correlate(coded[4_000:26_000], waveform[6_000:24_000])
    assert abs(int(np.argmax(np.abs(lags))) - 2_000) < 0.002 * SAMPLE_RATE
    assert decibel(float(np.mean(coded**2) / np.mean(waveform**2))) == pytest.approx(0, abs=1)


def test_g722_is_heard_but_not_much() -> None:
    waveform = to_level(band_limit(speechlike(1)))
    coded = g722(waveform)[22:]  # its two filters delay by 22 samples
    noise = coded - waveform[: len(coded)]
    assert 10 < decibel(float(np.mean(waveform**2) / np.mean(noise**2))) < 50


def test_what_is_too_short_or_too_long_or_silent_is_no_utterance() -> None:
    assert match_human(tone(300, seconds=0.5)) is None
    assert match_human(tone(300, seconds=13)) is None
    assert match_human(np.zeros(SAMPLE_RATE, np.float32)) is None
    assert match_synthetic(tone(300, seconds=0.5), speechlike(1), "g722", 0) is None


def test_the_same_seed_gives_the_same_samples() -> None:
    def matched(seed: int) -> Waveform:
        waveform = match_synthetic(speechlike(1, pitch=180), speechlike(2), "mp3_11", seed)
        assert waveform is not None
        return waveform

    np.testing.assert_array_equal(matched(7), matched(7))
    assert not np.array_equal(matched(7), matched(8))
