"""RawBoost's filters: a few notches at random places.

Tak et al., "RawBoost: A raw data boosting and augmentation method applied to automatic speaker
verification anti-spoofing" (arXiv 2111.04433), section 3 and table 1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.audio.reading import SAMPLE_RATE

NOTCHES = 5
CENTRES = (20.0, 8000.0)  # Hz
WIDTHS = (100.0, 1000.0)  # Hz
TAPS = (10, 100)  # of each notch; few taps make it shallow


def draw_notches(samples: int, gain_db: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Gain (samples // 2 + 1,) of a filter without delay, its highest gain `gain_db`."""
    kernel = np.ones(1)
    for _ in range(NOTCHES):
        centre, width = rng.uniform(*CENTRES), rng.uniform(*WIDTHS)
        taps = int(rng.integers(TAPS[0], TAPS[1] + 1)) | 1  # odd: centred on a sample
        low = max(centre - width / 2, 1.0) / SAMPLE_RATE
        high = min(centre + width / 2, SAMPLE_RATE / 2 - 1.0) / SAMPLE_RATE
        kernel = np.convolve(kernel, _band_stop(low, high, taps))
    response = _zero_phase(kernel, samples)
    highest = max(float(np.abs(response).max()), 1e-6)
    return np.asarray(response * (10.0 ** (gain_db / 20.0) / highest))


def _band_stop(low: float, high: float, taps: int) -> NDArray[np.float64]:
    """Windowed sinc (taps,) that removes the band between two frequencies (0–0.5)."""
    at = np.arange(taps) - taps // 2
    kernel = 2 * low * np.sinc(2 * low * at) - 2 * high * np.sinc(2 * high * at)
    kernel[taps // 2] += 1.0
    return np.asarray(kernel * np.hamming(taps))


def _zero_phase(kernel: NDArray[np.float64], samples: int) -> NDArray[np.float64]:
    """The real gain (samples // 2 + 1,) of a symmetric kernel centred on time 0."""
    half = kernel.size // 2
    circle = np.zeros(samples)
    circle[: half + 1] = kernel[half:]
    circle[-half:] = kernel[:half]
    return np.asarray(np.fft.rfft(circle).real)
