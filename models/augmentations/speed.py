"""A tape that runs too fast or too slow."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.augmentations.processing.lengths import fit
from models.augmentations.processing.levels import full_scale

SLOWEST, FASTEST = 0.9, 1.1


def speed(waveform: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """The waveform (samples,) at a speed drawn evenly: duration and pitch change together.

    A faster clip is repeated, a slower one cut at its end.
    """
    import soxr

    factor = rng.uniform(SLOWEST, FASTEST)
    return full_scale(fit(soxr.resample(waveform, factor, 1.0), waveform.size))
