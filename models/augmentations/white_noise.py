"""A noisy electrical channel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LOWEST_SNR_DB, HIGHEST_SNR_DB = 15.0, 45.0  # from plainly audible to below 8-bit telephony's floor


def white_noise(waveform: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """The waveform (samples,) with Gaussian noise at an SNR drawn evenly in dB, clipped at ±1.

    Silence stays silent: it has no level for noise to be relative to.
    """
    snr_db = rng.uniform(LOWEST_SNR_DB, HIGHEST_SNR_DB)
    noise = rng.standard_normal(waveform.size, dtype=np.float32)
    rms = np.sqrt(np.mean(np.square(waveform, dtype=np.float64)))
    level = np.float32(rms * 10.0 ** (-snr_db / 20.0))
    return np.clip(waveform + level * noise, -1.0, 1.0)
