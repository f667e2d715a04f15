"""A higher or lower voice."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.augmentations.processing.lengths import cut_or_pad
from models.augmentations.processing.levels import full_scale
from models.augmentations.processing.wsola import stretch

SEMITONES = 3.0  # up or down, at most


def pitch_shift(waveform: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """The waveform (samples,) by semitones drawn evenly higher or lower, in its own time.

    Formants move with the pitch.
    """
    import soxr

    ratio = float(2.0 ** (rng.uniform(-SEMITONES, SEMITONES) / 12.0))
    shifted = soxr.resample(stretch(waveform, ratio), ratio, 1.0)
    return full_scale(cut_or_pad(shifted, waveform.size))
