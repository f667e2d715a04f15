"""A clip without the silence around its speech: its length gives many synthesisers away."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.audio.reading import SAMPLE_RATE
from models.augmentations.processing.lengths import fit

FRAME = SAMPLE_RATE // 100  # 10 ms
DEEPEST_DB, HIGHEST_DB = -50.0, -25.0  # what is below the loudest frame by more is silence


def silence_trimming(
    waveform: NDArray[np.float32], rng: np.random.Generator
) -> NDArray[np.float32]:
    """The waveform (samples,) from its first to its last loud frame, repeated to its length.

    How far below the loudest frame silence begins is drawn evenly in dB.
    """
    share = 10.0 ** (rng.uniform(DEEPEST_DB, HIGHEST_DB) / 10.0)
    frames = waveform[: waveform.size // FRAME * FRAME].reshape(-1, FRAME)
    powers = np.mean(np.square(frames, dtype=np.float64), axis=1)
    if not powers.any():
        return waveform.copy()
    loud = np.flatnonzero(powers >= share * powers.max())
    return fit(waveform[loud[0] * FRAME : (loud[-1] + 1) * FRAME], waveform.size)
