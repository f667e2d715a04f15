"""RawBoost's three algorithms (arXiv 2111.04433), with the ranges of its table 1.

Filters act without delay, and what depends on the level of a waveform sees it at full scale: a
quiet clip is distorted as much as a loud one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.augmentations.processing.levels import add_at_snr, full_scale
from models.augmentations.processing.notches import draw_notches
from models.augmentations.processing.spectra import padded_length

ORDER = 5  # of the highest harmonic
LOWEST_HARMONIC_DB, HIGHEST_HARMONIC_DB = -20.0, -5.0  # gain of orders above 1
IMPULSES = 0.10  # highest share of samples
IMPULSE_GAIN = 2.0
LOWEST_SNR_DB, HIGHEST_SNR_DB = 10.0, 40.0


def convolutive(waveform: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Algorithm 1: (samples,) as the sum of its powers, each through notches of its own.

    The sum is centred on 0 and brought back to the peak of the waveform.
    """
    peak = np.abs(waveform).max(initial=0.0)
    if peak == 0.0:
        return waveform.copy()
    samples = padded_length(waveform.size)
    scaled = waveform / peak
    raised = scaled.copy()
    spectrum = np.zeros(samples // 2 + 1, np.complex64)
    for order in range(1, ORDER + 1):
        gain_db = rng.uniform(LOWEST_HARMONIC_DB, HIGHEST_HARMONIC_DB) if order > 1 else 0.0
        spectrum += np.fft.rfft(raised, samples) * draw_notches(samples, gain_db, rng)
        raised *= scaled
    distorted = np.fft.irfft(spectrum, samples)[: waveform.size].astype(np.float32)
    distorted -= distorted.mean()
    return full_scale(distorted * (peak / max(float(np.abs(distorted).max()), 1e-9)))


def impulsive(waveform: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Algorithm 2: up to a tenth of the samples (samples,) go wrong in proportion to themselves.

    The result is brought back to the peak of the waveform where it rises above.
    """
    count = int(rng.uniform(0.0, IMPULSES) * waveform.size)
    places = rng.choice(waveform.size, count, replace=False)
    signs = rng.uniform(-1.0, 1.0, (2, count)).prod(axis=0)  # most impulses are small
    distorted = waveform.copy()
    distorted[places] += np.float32(IMPULSE_GAIN) * signs.astype(np.float32) * waveform[places]
    peak, risen = np.abs(waveform).max(initial=0.0), np.abs(distorted).max(initial=0.0)
    return full_scale(distorted * (peak / risen) if risen > peak else distorted)


def stationary(waveform: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Algorithm 3: (samples,) with white noise through notches, at an SNR drawn evenly in dB."""
    snr_db = rng.uniform(LOWEST_SNR_DB, HIGHEST_SNR_DB)
    samples = padded_length(waveform.size)
    white = np.fft.rfft(rng.standard_normal(samples, dtype=np.float32))
    noise = np.fft.irfft(white * draw_notches(samples, 0.0, rng), samples)
    return add_at_snr(waveform, noise[: waveform.size].astype(np.float32), snr_db)
