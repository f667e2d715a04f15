"""Filters by their gain at each frequency: no delay, and no ripple where the gain is 1."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.audio.reading import SAMPLE_RATE

Gain = Callable[[NDArray[np.float64]], NDArray[Any]]  # Hz (bins,) -> factors (bins,)


def shape_spectrum(
    waveform: NDArray[np.float32], gain: Gain, rate: int = SAMPLE_RATE
) -> NDArray[np.float32]:
    """The waveform (samples,) with each frequency times `gain(frequency)`, aligned in time."""
    samples = padded_length(waveform.size)
    spectrum = np.fft.rfft(waveform, samples)
    frequencies = np.asarray(np.fft.rfftfreq(samples, 1.0 / rate), dtype=np.float64)
    shaped = np.fft.irfft(spectrum * gain(frequencies).astype(np.float32), samples)
    return shaped[: waveform.size].astype(np.float32, copy=False)


def band(
    frequencies: NDArray[np.float64], low: float, high: float, edge: float
) -> NDArray[np.float64]:
    """1 (bins,) from `low` to `high` Hz, falling to 0 over `edge` Hz outside as half a cosine."""
    outside = np.maximum(low - frequencies, frequencies - high)
    return 0.5 + 0.5 * np.cos(np.pi * np.clip(outside / edge, 0.0, 1.0))


def padded_length(samples: int) -> int:
    """A length of small prime factors, with room for the tail of a filter."""
    needed = samples + SAMPLE_RATE // 8
    step = 1 << max(needed.bit_length() - 4, 0)  # 8 to 15 times a power of two: 5 % lost at most
    return -(-needed // step) * step
