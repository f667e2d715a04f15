"""Speech that is faster or slower."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.augmentations.processing.lengths import fit
from models.augmentations.processing.levels import full_scale
from models.augmentations.processing.wsola import stretch

SHORTEST, LONGEST = 0.85, 1.15  # of the duration


def time_stretch(waveform: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """The waveform (samples,) with its duration times a factor drawn evenly, at its pitch.

    A shorter clip is repeated, a longer one cut at its end.
    """
    factor = float(rng.uniform(SHORTEST, LONGEST))
    return full_scale(fit(stretch(waveform, factor), waveform.size))
