"""Another moment at which the clip begins."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def time_shift(waveform: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """The waveform (samples,) turned in a circle: what leaves at the end comes in at the start."""
    return np.roll(waveform, int(rng.integers(1, max(waveform.size, 2))))
