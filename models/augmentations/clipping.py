"""A recorder that was set too high."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MILDEST_DB, HARDEST_DB = 2.0, 14.0  # how far above the limit the peak of the speech was


def clipping(waveform: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """The waveform (samples,) cut off below its peak by dB drawn evenly, then as loud as before.

    Its peak is the same before and after.
    """
    over = np.float32(10.0 ** (rng.uniform(MILDEST_DB, HARDEST_DB) / 20.0))
    peak = np.abs(waveform).max(initial=0.0)
    clipped: NDArray[np.float32] = np.clip(waveform * over, -peak, peak)
    return clipped
