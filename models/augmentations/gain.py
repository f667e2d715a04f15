"""Another recording level."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LOWEST_DB, HIGHEST_DB = -15.0, 10.0  # wide enough that the level alone tells nothing


def gain(waveform: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """The waveform (samples,) at a level drawn evenly in dB, clipped at ±1 as a recorder would."""
    factor = np.float32(10.0 ** (rng.uniform(LOWEST_DB, HIGHEST_DB) / 20.0))
    louder: NDArray[np.float32] = np.clip(waveform * factor, -1.0, 1.0)
    return louder
