"""A telephone line."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.audio.reading import SAMPLE_RATE
from models.augmentations.processing.lengths import cut_or_pad
from models.augmentations.processing.levels import full_scale
from models.augmentations.processing.spectra import band, shape_spectrum

RATE = 8_000  # Hz, of telephony since 1972
LOW = (150.0, 350.0)  # Hz, where the line begins to let through; 300 by ITU-T G.120
HIGH = (3000.0, 3600.0)  # Hz, where it ceases to; 3400 by ITU-T G.120
EDGE = 150.0  # Hz from letting through to not


def telephone_band(waveform: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """The waveform (samples,) between two frequencies drawn evenly, by way of 8 kHz."""
    import soxr

    low, high = rng.uniform(*LOW), rng.uniform(*HIGH)
    narrow = soxr.resample(waveform, SAMPLE_RATE, RATE)
    line = shape_spectrum(narrow, lambda hertz: band(hertz, low, high, EDGE), RATE)
    return full_scale(cut_or_pad(soxr.resample(line, RATE, SAMPLE_RATE), waveform.size))
