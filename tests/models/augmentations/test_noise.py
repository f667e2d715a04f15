from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from models.augmentations import AUGMENTATIONS
from models.augmentations.background import coloured_noise

Waveform = NDArray[np.float32]
SNRS = {  # dB, as docs/augmentations.md promises them
    "white_noise": (15.0, 45.0),
    "background": (5.0, 30.0),
    "babble": (10.0, 25.0),
    "rawboost_stationary": (10.0, 40.0),
}


def snr_db(waveform: Waveform, noisy: Waveform) -> float:
    noise = noisy.astype(np.float64) - waveform
    return float(10 * np.log10(np.mean(waveform.astype(np.float64) ** 2) / np.mean(noise**2)))


@pytest.mark.parametrize("name", SNRS)
def test_noise_has_the_snr_that_was_drawn(name: str, tone: Waveform) -> None:
    low, high = SNRS[name]
    for seed in range(20):
        drawn = np.random.default_rng(seed).uniform(low, high)
        noisy = AUGMENTATIONS[name](tone, np.random.default_rng(seed))
        assert snr_db(tone, noisy) == pytest.approx(drawn, abs=0.5)


@pytest.mark.parametrize("slope", [0.5, 1.0, 2.0])
def test_the_colour_of_noise_is_the_slope_of_its_spectrum(slope: float) -> None:
    noise = coloured_noise(64_000, slope, np.random.default_rng(2))
    powers = np.abs(np.fft.rfft(noise)) ** 2
    low, high = powers[400:800].mean(), powers[12_800:25_600].mean()  # five octaves apart
    assert 10 * np.log10(low / high) == pytest.approx(slope * 5 * 3.01, abs=1.0)


def test_babble_is_heard_where_the_speaker_pauses(voice: Waveform) -> None:
    pause = slice(12_100, 15_900)  # between two syllables
    noisy = AUGMENTATIONS["babble"](voice, np.random.default_rng(1))
    assert np.square(noisy[pause]).mean() > 10 * np.square(voice[pause]).mean()


def test_babble_has_the_spectrum_of_the_speaker(voice: Waveform) -> None:
    noise = AUGMENTATIONS["babble"](voice, np.random.default_rng(1)) - voice
    spectra = [np.abs(np.fft.rfft(signal)) ** 2 for signal in (voice, noise)]
    shares = [powers[:4000].sum() / powers.sum() for powers in spectra]  # below 2 kHz
    assert shares[1] == pytest.approx(shares[0], abs=0.02)
