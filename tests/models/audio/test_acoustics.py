"""Each quantity on a signal whose value is known."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from models.audio.acoustics import ACOUSTICS, describe
from models.audio.reading import SAMPLE_RATE, read_audio

T = np.arange(4 * SAMPLE_RATE) / SAMPLE_RATE
RNG = np.random.RandomState(7)
NOISE = RNG.standard_normal(T.size)


def tone(hertz: float, amplitude: float = 0.5) -> NDArray[np.float64]:
    """A sine of 4 s."""
    return amplitude * np.sin(2 * np.pi * hertz * T)


def buzz(f0: float) -> NDArray[np.float64]:
    """A pulse train with falling harmonics: the skeleton of a vowel."""
    orders = range(1, int(4_000 / f0))
    return np.asarray(0.2 * sum(np.sin(2 * np.pi * f0 * k * T + k) / k for k in orders))


def low_passed(hertz: float) -> NDArray[np.float64]:
    """White noise without anything above a frequency."""
    spectrum = np.fft.rfft(NOISE)
    spectrum[np.fft.rfftfreq(T.size, 1 / SAMPLE_RATE) > hertz] = 0
    return 0.1 * np.fft.irfft(spectrum)


def bursts(snr_db: float) -> NDArray[np.float64]:
    """A buzz that is on for half of the time, over noise."""
    on = np.sin(2 * np.pi * T) > 0
    signal = buzz(150) * on
    power = np.mean(signal[on] ** 2)
    return signal + NOISE * math.sqrt(power / 10 ** (snr_db / 10))


@pytest.mark.parametrize(
    "waveform",
    [
        np.zeros(16_000),
        np.full(16_000, 0.5),
        np.zeros(1),
        np.array([1.0, -1.0]),
        np.full(700, 1e30),
        tone(440),
        NOISE,
        np.concatenate([np.zeros(30_000), [1.0], np.zeros(30_000)]),
    ],
    ids=["silence", "constant", "one", "two", "huge", "tone", "noise", "click"],
)
def test_every_quantity_is_finite_whatever_comes(waveform: NDArray[np.float64]) -> None:
    described = describe(waveform.astype(np.float32))
    assert set(described) == set(ACOUSTICS)
    assert [name for name, value in described.items() if not math.isfinite(value)] == []


def test_a_waveform_of_the_wrong_shape_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\(2, 10\)"):
        describe(np.zeros((2, 10)))


def test_duration_is_in_seconds() -> None:
    assert describe(tone(440))["duration_s"] == 4.0


def test_a_full_scale_sine_has_a_level_of_minus_three_dbfs() -> None:
    assert describe(tone(440, 1.0))["level_dbfs"] == pytest.approx(-3.01, abs=0.01)


def test_a_tenth_of_the_amplitude_is_20_db_less() -> None:
    difference = describe(tone(440, 0.5))["level_dbfs"] - describe(tone(440, 0.05))["level_dbfs"]
    assert difference == pytest.approx(20, abs=0.01)


@pytest.mark.parametrize("snr_db", [6, 12, 20])
def test_the_signal_to_noise_ratio_is_found_within_two_db(snr_db: float) -> None:
    assert describe(bursts(snr_db))["snr_db"] == pytest.approx(snr_db, abs=2)


def test_speech_ratio_is_the_share_of_time_with_a_voice() -> None:
    assert describe(bursts(35))["speech_ratio"] == pytest.approx(0.5, abs=0.05)
    assert describe(buzz(150))["speech_ratio"] > 0.95


def test_noise_is_not_speech() -> None:
    assert describe(0.1 * NOISE)["speech_ratio"] < 0.1


@pytest.mark.parametrize("hertz", [2_000, 3_400, 7_000])
def test_bandwidth_is_where_the_spectrum_ends(hertz: float) -> None:
    assert describe(low_passed(hertz))["bandwidth_hz"] == pytest.approx(hertz, abs=160)


def test_a_codec_ends_a_spectrum_more_steeply_than_a_voice_fades() -> None:
    faded = np.fft.irfft(np.fft.rfft(NOISE) * 10 ** (-np.fft.rfftfreq(T.size, 1 / 16_000) / 1_500))
    assert describe(low_passed(3_400))["band_edge_db"] > 40
    assert describe(0.1 * faded)["band_edge_db"] < 15
    assert describe(0.1 * NOISE)["band_edge_db"] == 0


def test_the_centroid_of_a_tone_is_its_frequency() -> None:
    assert describe(tone(1_000))["spectral_centroid_hz"] == pytest.approx(1_000, abs=5)


def test_white_noise_is_flat_and_has_no_tilt() -> None:
    noise = describe(0.1 * NOISE)
    assert noise["spectral_flatness"] > 0.9
    assert noise["spectral_tilt_db"] == pytest.approx(0, abs=0.5)
    assert describe(tone(1_000))["spectral_flatness"] < 0.01


def test_brown_noise_falls_by_six_db_per_octave() -> None:
    brown = np.cumsum(NOISE)
    brown = brown - np.convolve(brown, np.ones(1_601) / 1_601, mode="same")
    assert describe(brown / 100)["spectral_tilt_db"] == pytest.approx(-6, abs=0.7)


def test_clipping_is_the_share_of_samples_at_full_scale() -> None:
    clipped = np.clip(tone(440, 2.0), -1, 1)  # a sine is over half of its peak for 2/3 of the time
    assert describe(clipped)["clipping"] == pytest.approx(2 / 3, abs=0.01)
    assert describe(tone(440))["clipping"] == 0


def test_the_crest_of_a_sine_is_three_db() -> None:
    assert describe(tone(440))["crest_db"] == pytest.approx(3.01, abs=0.01)


def test_a_constant_added_is_the_dc_offset() -> None:
    assert describe(tone(440) + 0.05)["dc_offset"] == pytest.approx(0.05, abs=1e-4)


def test_a_tone_crosses_zero_twice_a_period() -> None:
    crossings = describe(tone(440))["zero_crossing_rate"]
    assert crossings == pytest.approx(2 * 440 / SAMPLE_RATE, rel=0.01)


def test_a_leading_pause_is_measured() -> None:
    late = np.concatenate([np.zeros(SAMPLE_RATE), buzz(150)])
    assert describe(late)["leading_pause_s"] == pytest.approx(1.0, abs=0.04)


@pytest.mark.parametrize("f0", [80, 120, 210, 330])
def test_the_fundamental_frequency_of_a_voice_is_found(f0: float) -> None:
    assert describe(buzz(f0))["f0_hz"] == pytest.approx(f0, rel=0.03)


def test_noise_has_no_fundamental_frequency() -> None:
    assert describe(0.1 * NOISE)["f0_hz"] == 0


def test_a_real_voice_looks_like_one(shared: Path) -> None:
    path = sorted((shared / "corpus" / "bonafide" / "fotaq").glob("*.flac"))[0]
    acoustics = describe(read_audio(path))

    assert 70 < acoustics["f0_hz"] < 300
    assert acoustics["speech_ratio"] > 0.5
    assert acoustics["snr_db"] > 10
