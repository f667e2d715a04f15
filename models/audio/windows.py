"""An utterance of any length as windows of equal length, and its windows' scores as one score."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from models.audio.spectral_subtraction import subtract_noise

if TYPE_CHECKING:
    from models.params.window import WindowParams


MIN_SAMPLES = 8_000  # 0.5 s at 16 kHz: no detector takes less


def cut_windows(waveform: NDArray[np.float32], window: WindowParams) -> NDArray[np.float32]:
    """Windows (n, window.samples) of a waveform (samples,), or one (1, n) of a shorter waveform.

    A short waveform is tiled to one window, as in the official AASIST evaluation, or with
    `window.short: own` to MIN_SAMPLES alone, so that from there on it is its own window. A longer
    one is cut every `hop` samples, and its last window ends where the waveform ends. Each is
    `as_heard`.
    """
    if waveform.ndim != 1 or waveform.size == 0:
        raise ValueError(f"a non-empty mono waveform expected, found shape {waveform.shape}")
    size = window_length(waveform.size, window)
    if waveform.size <= size:
        repeats = -(-size // waveform.size)
        return as_heard(np.tile(waveform, repeats)[:size], window)[None]
    starts = window_starts(waveform.size, window)
    return np.stack([as_heard(waveform[start : start + size], window) for start in starts])


def window_length(samples: int, window: WindowParams) -> int:
    """Samples of each window that `cut_windows` cuts of so many samples."""
    if window.short == "tile":
        return window.samples
    return min(max(samples, MIN_SAMPLES), window.samples)


def shortest_window(window: WindowParams) -> int:
    """Samples of the shortest window that `cut_windows` can give."""
    return window_length(0, window)


def window_starts(samples: int, window: WindowParams) -> list[int]:
    """The first sample of each window that `cut_windows` cuts of so many samples."""
    last = max(samples - window.samples, 0)
    return [*range(0, last, window.hop), last]


def as_heard(waveform: NDArray[np.float32], window: WindowParams) -> NDArray[np.float32]:
    """One window or training crop (samples,) as it goes into the detector: cleaned, if asked for.

    By itself, whatever was around it: what is trained on, watched while training and scored by the
    endpoint is the same, and noise may change in the course of a long recording.
    """
    if window.spectral_subtraction == 0.0:
        return waveform
    return subtract_noise(waveform, window.spectral_subtraction, window.spectral_floor)


def aggregate(cm_scores: NDArray[np.floating], window: WindowParams) -> float:
    """One cm_score of the scores (n,) of an utterance's windows."""
    return float(np.min(cm_scores) if window.aggregate == "min" else np.mean(cm_scores))
