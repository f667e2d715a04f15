from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from models.augmentations import AUGMENTATIONS
from models.augmentations.processing.lengths import cut_or_pad, fit
from models.augmentations.processing.wsola import stretch
from tests.tolerances import rounding

Waveform = NDArray[np.float32]
RATE = 16_000


def frequency(waveform: Waveform) -> float:
    """Hz of the strongest component, to a fraction of 0.1 Hz."""
    spectrum = np.abs(np.fft.rfft(waveform * np.hanning(waveform.size), 10 * RATE))
    return float(np.argmax(spectrum)) / 10


@pytest.mark.parametrize("hertz", [90, 440, 1800])
@pytest.mark.parametrize("seed", range(4))
def test_pitch_shift_moves_a_tone_by_the_semitones_drawn(hertz: int, seed: int) -> None:
    semitones = np.random.default_rng(seed).uniform(-3.0, 3.0)
    tone = (0.3 * np.sin(2 * np.pi * hertz * np.arange(2 * RATE) / RATE)).astype(np.float32)
    shifted = AUGMENTATIONS["pitch_shift"](tone, np.random.default_rng(seed))
    assert frequency(shifted) == pytest.approx(hertz * 2 ** (semitones / 12), rel=0.02)


def test_pitch_shift_leaves_speech_where_it_was_in_time() -> None:
    burst = np.zeros(2 * RATE, np.float32)
    burst[12_000:20_000] = 0.3 * np.sin(np.arange(8_000) * 0.2)
    for seed in range(6):
        shifted = AUGMENTATIONS["pitch_shift"](burst, np.random.default_rng(seed))
        loud = np.flatnonzero(np.abs(shifted) > 0.05)
        assert loud[0] == pytest.approx(12_000, abs=500)  # 30 ms
        assert loud[-1] == pytest.approx(20_000, abs=500)


@pytest.mark.parametrize("factor", [0.85, 0.95, 1.07, 1.15])
def test_a_stretched_tone_lasts_longer_at_its_pitch(factor: float, tone: Waveform) -> None:
    longer = stretch(tone, factor)
    assert longer.size == round(tone.size * factor)
    assert frequency(longer) == pytest.approx(440, rel=0.005)
    middle = longer[2000:-2000]
    assert np.sqrt(2) * middle.std() == pytest.approx(0.1, rel=0.05)  # frames add up in phase


def test_stretching_by_one_changes_nothing(voice: Waveform) -> None:
    # each sample is the sum of two parts of it
    np.testing.assert_allclose(stretch(voice, 1.0), voice, rtol=0, atol=rounding(4, 0.3))


def test_speed_moves_pitch_and_events_together(tone: Waveform) -> None:
    for seed in range(5):
        factor = np.random.default_rng(seed).uniform(0.9, 1.1)
        faster = AUGMENTATIONS["speed"](tone, np.random.default_rng(seed))
        assert frequency(faster[: RATE + RATE // 2]) == pytest.approx(440 * factor, rel=0.005)
        click = np.zeros(2 * RATE, np.float32)
        click[20_000] = 0.5
        moved = AUGMENTATIONS["speed"](click, np.random.default_rng(seed))
        assert np.argmax(np.abs(moved)) == pytest.approx(20_000 / factor, abs=1)


def test_time_stretch_moves_events_and_not_pitch(tone: Waveform) -> None:
    for seed in range(5):
        out = AUGMENTATIONS["time_stretch"](tone, np.random.default_rng(seed))
        assert frequency(out[: RATE + RATE // 2]) == pytest.approx(440, rel=0.005)


def test_time_shift_loses_nothing(voice: Waveform) -> None:
    shifted = AUGMENTATIONS["time_shift"](voice, np.random.default_rng(8))
    assert np.array_equal(np.sort(shifted), np.sort(voice))
    assert not np.array_equal(shifted, voice)


def test_silence_trimming_leaves_speech_from_the_first_sample_on() -> None:
    speech = 0.3 * np.random.default_rng(0).standard_normal(8_000).astype(np.float32)
    faint = 1e-4 * np.random.default_rng(1).standard_normal(16_000).astype(np.float32)
    clip = np.concatenate([faint[:8_000], speech, faint[8_000:]])
    trimmed = AUGMENTATIONS["silence_trimming"](clip, np.random.default_rng(0))
    assert np.array_equal(trimmed, np.tile(speech, 3))


def test_pauses_within_speech_stay() -> None:
    clip = np.zeros(16_000, np.float32)
    clip[:3_200] = clip[-3_200:] = 0.3
    assert np.array_equal(AUGMENTATIONS["silence_trimming"](clip, np.random.default_rng(0)), clip)


def test_what_is_too_short_is_repeated_or_padded_and_what_is_too_long_is_cut() -> None:
    short = np.array([1, 2, 3], np.float32)
    assert fit(short, 7).tolist() == [1, 2, 3, 1, 2, 3, 1]
    assert fit(short, 2).tolist() == [1, 2]
    assert cut_or_pad(short, 5).tolist() == [1, 2, 3, 0, 0]
    assert cut_or_pad(short, 2).tolist() == [1, 2]
    assert not fit(short[:0], 4).any()
