from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from models.augmentations import AUGMENTATIONS
from models.augmentations.processing.notches import draw_notches
from tests.tolerances import rounding

Waveform = NDArray[np.float32]


@pytest.mark.parametrize("seed", range(1, 6))
def test_convolutive_noise_adds_the_harmonics_of_five_powers(tone: Waveform, seed: int) -> None:
    out = AUGMENTATIONS["rawboost_convolutive"](tone, np.random.default_rng(seed))
    spectrum = np.abs(np.fft.rfft(out * np.hanning(tone.size)))
    harmonics = spectrum[2 * 440 * np.arange(1, 7)] / spectrum[2 * 440]  # bins of half a hertz
    assert (harmonics[1:5] > 1e-3).all()
    assert (harmonics[1:5] < 1.0).all()
    assert harmonics[5] < 1e-6


def test_convolutive_noise_keeps_peak_and_place(voice: Waveform) -> None:
    for seed in range(5):
        out = AUGMENTATIONS["rawboost_convolutive"](voice, np.random.default_rng(seed))
        assert np.abs(out).max() == pytest.approx(np.abs(voice).max(), rel=1e-3)
        likeness = np.correlate(out[8000:24_000], voice[8200:23_800], "valid")
        assert np.argmax(np.abs(likeness)) == pytest.approx(200, abs=2)


def test_a_quiet_clip_is_distorted_as_much_as_a_loud_one(voice: Waveform) -> None:
    effect = AUGMENTATIONS["rawboost_convolutive"]
    loud, quiet = (effect(k * voice, np.random.default_rng(1)) for k in (1.0, np.float32(0.01)))
    # five powers, each through a Fourier transform and back
    np.testing.assert_allclose(quiet * 100, loud, rtol=0, atol=rounding(5 * 2 * 16, 0.3))


def test_impulses_hit_at_most_a_tenth_in_proportion_to_the_samples(tone: Waveform) -> None:
    shares = []
    for seed in range(30):
        out = AUGMENTATIONS["rawboost_impulsive"](tone, np.random.default_rng(seed))
        scale = np.median(out[tone != 0] / tone[tone != 0])  # of what was not hit
        changed = np.abs(out - scale * tone) > 1e-6
        shares.append(changed.mean())
        assert np.all(np.abs(out[changed]) <= 3.0 * scale * np.abs(tone[changed]) + 1e-6)
    assert max(shares) <= 0.10
    assert max(shares) > 0.07
    assert min(shares) < 0.03


def test_stationary_noise_is_there_all_the_time(tone: Waveform) -> None:
    noise = AUGMENTATIONS["rawboost_stationary"](tone, np.random.default_rng(0)) - tone
    powers = np.square(noise).reshape(20, -1).mean(axis=1)
    assert powers.max() < 2 * powers.min()


def test_notches_are_deep_somewhere_and_never_amplify() -> None:
    deepest = []
    for seed in range(20):
        gain = draw_notches(32_768, 0.0, np.random.default_rng(seed))
        assert np.abs(gain).max() == pytest.approx(1.0)
        deepest.append(np.abs(gain).min())
    assert np.median(deepest) < 0.1
