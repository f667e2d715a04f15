"""A recording that was kept at another sample rate for a while."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.audio.reading import SAMPLE_RATE
from models.augmentations.processing.lengths import cut_or_pad
from models.augmentations.processing.levels import full_scale

RATES = (6_000, 8_000, 11_025, 12_000, 14_000)  # Hz; half of each is where sound now ends
QUALITIES = ("LQ", "MQ", "HQ")  # of soxr: how steep the end is


def resampling(waveform: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """The waveform (samples,) resampled to a rate of the list and back, each as likely."""
    import soxr

    rate = int(rng.choice(RATES))
    quality = str(rng.choice(QUALITIES))
    resampled = soxr.resample(waveform, SAMPLE_RATE, rate, quality=quality)
    back = soxr.resample(resampled, rate, SAMPLE_RATE, quality=quality)
    return full_scale(cut_or_pad(back, waveform.size))
