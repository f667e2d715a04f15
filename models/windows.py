"""An utterance of any length as windows of one length, and its windows' scores as one score."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from models.params import WindowParams


def cut_windows(waveform: NDArray[np.float32], window: WindowParams) -> NDArray[np.float32]:
    """Windows (n, window.samples) of a waveform (samples,).

    A short waveform is tiled to one window, as in the official AASIST evaluation. A longer one is
    cut every `hop` samples, and its last window ends where the waveform ends.
    """
    if waveform.ndim != 1 or waveform.size == 0:
        raise ValueError(f"a non-empty mono waveform expected, found shape {waveform.shape}")
    size = window.samples
    if waveform.size <= size:
        repeats = -(-size // waveform.size)
        return np.tile(waveform, repeats)[None, :size]
    starts = list(range(0, waveform.size - size, window.hop))
    starts.append(waveform.size - size)
    return np.stack([waveform[start : start + size] for start in starts])


def aggregate(cm_scores: NDArray[np.floating], window: WindowParams) -> float:
    """One cm_score of the scores (n,) of an utterance's windows."""
    return float(np.min(cm_scores) if window.aggregate == "min" else np.mean(cm_scores))
