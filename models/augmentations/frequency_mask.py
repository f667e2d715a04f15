"""Bands that say nothing, so that no single band decides."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.augmentations.processing.levels import full_scale
from models.augmentations.processing.spectra import band, shape_spectrum

MOST = 2  # bands
NARROWEST, WIDEST = 200.0, 1500.0  # Hz, each
HIGHEST = 8_000.0  # Hz
EDGE = 60.0  # Hz from letting through to not


def frequency_mask(waveform: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """The waveform (samples,) without one or two bands, widths and places even.

    A band-stop on the waveform, over the whole clip: what SpecAugment does to a spectrogram, for
    detectors that hear samples.
    """
    bands = draw_bands(rng)

    def gain(hertz: NDArray[np.float64]) -> NDArray[np.float64]:
        gains = np.ones_like(hertz)
        for low, high in bands:
            gains *= 1.0 - band(hertz, low, high, EDGE)
        return gains

    return full_scale(shape_spectrum(waveform, gain))


def draw_bands(rng: np.random.Generator) -> list[tuple[float, float]]:
    """Lowest and highest frequency (Hz) of each band; they may overlap."""
    bands = []
    for _ in range(int(rng.integers(1, MOST + 1))):
        width = rng.uniform(NARROWEST, WIDEST)
        low = rng.uniform(0.0, HIGHEST - width)
        bands.append((float(low), float(low + width)))
    return bands
