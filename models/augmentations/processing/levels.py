"""Levels: how loud a waveform is, and how loud a noise is beside it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def power(waveform: NDArray[np.float32]) -> float:
    """Mean square of a waveform (samples,); 0 for silence."""
    return float(np.mean(np.square(waveform, dtype=np.float64)))


def at_power(waveform: NDArray[np.float32], wanted: float) -> NDArray[np.float32]:
    """The waveform (samples,) scaled to a mean square, clipped at ±1; silence stays silent."""
    present = power(waveform)
    factor = np.float32(np.sqrt(wanted / present)) if present > 0.0 else np.float32(0.0)
    return full_scale(waveform * factor)


def add_at_snr(
    waveform: NDArray[np.float32], noise: NDArray[np.float32], snr_db: float
) -> NDArray[np.float32]:
    """Both (samples,) mixed so that power over power is `snr_db`, clipped at ±1.

    Powers are means over the whole clip, pauses included. Silence stays silent: it has no level
    for noise to be relative to.
    """
    wanted = power(waveform) * 10.0 ** (-snr_db / 10.0)
    present = power(noise)
    factor = np.float32(np.sqrt(wanted / present)) if present > 0.0 else np.float32(0.0)
    return full_scale(waveform + factor * noise)


def full_scale(waveform: NDArray[np.floating]) -> NDArray[np.float32]:
    """The waveform (samples,) as float32, clipped at ±1 as a converter would."""
    clipped: NDArray[np.float32] = np.clip(waveform, -1.0, 1.0).astype(np.float32, copy=False)
    return clipped
