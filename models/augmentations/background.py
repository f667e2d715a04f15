"""Background sounds behind speech: a hum, a street, music."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.augmentations.processing.levels import add_at_snr
from models.augmentations.processing.recordings import Recordings

LOWEST_SNR_DB, HIGHEST_SNR_DB = 5.0, 30.0  # from a loud street to a quiet room
FLATTEST, STEEPEST = 0.5, 2.0  # power falls with frequency ** -slope: 1 is pink, 2 is brown


def background(waveform: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """The waveform (samples,) in coloured noise, slope and SNR drawn evenly, clipped at ±1."""
    snr_db = rng.uniform(LOWEST_SNR_DB, HIGHEST_SNR_DB)
    noise = coloured_noise(waveform.size, rng.uniform(FLATTEST, STEEPEST), rng)
    return add_at_snr(waveform, noise, snr_db)


@dataclass(frozen=True)
class RecordedBackground:
    """The same with noise or music that somebody recorded."""

    recordings: Recordings

    def __call__(
        self, waveform: NDArray[np.float32], rng: np.random.Generator
    ) -> NDArray[np.float32]:
        """The waveform (samples,) over any part of any recording, clipped at ±1."""
        snr_db = rng.uniform(LOWEST_SNR_DB, HIGHEST_SNR_DB)
        noise = self.recordings.draw(rng)
        spare = noise.size - waveform.size
        if spare > 0:
            start = int(rng.integers(spare + 1))
            return add_at_snr(waveform, noise[start : start + waveform.size], snr_db)
        start = int(rng.integers(noise.size))
        turns = np.arange(start, start + waveform.size)
        return add_at_snr(waveform, noise.take(turns, mode="wrap"), snr_db)


def coloured_noise(samples: int, slope: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Gaussian noise (samples,) with power proportional to frequency ** -slope."""
    bins = samples // 2 + 1
    parts = rng.standard_normal((2, bins), dtype=np.float32)
    frequencies = np.arange(bins, dtype=np.float64)
    # below 1/800 of the band (10 Hz) a steep slope would leave nothing but a drift
    falling = np.maximum(frequencies, max(bins / 800, 1.0)) ** (-slope / 2)
    falling[0] = 0.0
    return np.fft.irfft((parts[0] + 1j * parts[1]) * falling, samples).astype(np.float32)
