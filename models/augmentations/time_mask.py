"""Stretches of a clip that say nothing, so that no single moment decides."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MOST = 3  # stretches
SHORTEST, LONGEST = 0.01, 0.10  # of the clip, each


def time_mask(waveform: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """The waveform (samples,) with one to three stretches of zeros, lengths and places even."""
    masked = waveform.copy()
    for start, end in draw_stretches(waveform.size, rng):
        masked[start:end] = 0.0
    return masked


def draw_stretches(samples: int, rng: np.random.Generator) -> list[tuple[int, int]]:
    """First sample of each stretch and the first behind it; they may overlap."""
    stretches = []
    for _ in range(int(rng.integers(1, MOST + 1))):
        length = max(int(rng.uniform(SHORTEST, LONGEST) * samples), 1)
        start = int(rng.integers(samples - length + 1))
        stretches.append((start, start + length))
    return stretches
