"""What counts as human speech, by numbers."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from flows.demo.corpora.starter.speech import measure_voicing
from models.audio.reading import SAMPLE_RATE

SECONDS = np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE


def voiced() -> NDArray[np.float32]:
    """Harmonics of a pitch that moves, in syllables four times a second, with hissing between."""
    phase = 2 * np.pi * np.cumsum(120 + 30 * np.sin(2 * np.pi * SECONDS)) / SAMPLE_RATE
    vowel = sum(np.sin(number * phase) / number for number in range(1, 20))
    syllables = np.clip(np.sin(2 * np.pi * 4 * SECONDS), 0, None)
    hiss = 0.02 * np.random.default_rng(0).standard_normal(SECONDS.size)
    return np.asarray(0.2 * vowel * syllables + hiss, np.float32)


def test_syllables_with_a_pitch_are_speech() -> None:
    assert measure_voicing(voiced()).is_speech


@pytest.mark.parametrize(
    "sound",
    [
        np.random.default_rng(1).standard_normal(SECONDS.size),
        np.sin(2 * np.pi * 440 * SECONDS),
        np.zeros(SECONDS.size),
    ],
    ids=["noise", "a held tone", "digital silence"],
)
def test_sounds_that_are_no_speech_are_told_from_it(sound: NDArray[np.float64]) -> None:
    assert not measure_voicing(sound.astype(np.float32)).is_speech


def test_the_level_of_a_recording_does_not_matter() -> None:
    loud, quiet = measure_voicing(voiced()), measure_voicing(voiced() / np.float32(64))
    assert quiet.voiced_share == pytest.approx(loud.voiced_share, abs=0.02)
    assert quiet.level_change_db == pytest.approx(loud.level_change_db, abs=0.1)
