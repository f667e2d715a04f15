"""Linear prediction: a filter for the vocal tract, and pulses or noise through it.

Atal and Hanauer, "Speech analysis and synthesis by linear prediction of the speech wave" (1971).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from models.audio.reading import SAMPLE_RATE

ORDER = 18
FRAME, HOP = 480, 240  # 30 ms every 15 ms
LAGS = range(SAMPLE_RATE // 400, SAMPLE_RATE // 60)  # pitches from 60 to 400 Hz
PERIODIC = 0.45  # of the autocorrelation at lag 0
LIFT = 1.0 + 1e-4  # of lag 0: keeps the filters stable


def open_lpc(_params: object) -> Callable[..., NDArray[np.float32]]:
    """The vocoder; nothing is set in params."""
    return lpc_vocoder


def lpc_vocoder(waveform: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """The copy-synthesis (samples,) of a recording (samples,), both at 16 kHz.

    Each frame of 30 ms becomes a filter of order 18, a gain, and a pitch or none; noise is drawn.
    """
    from scipy.signal import lfilter

    speech = np.append(waveform[:1], waveform[1:] - 0.97 * waveform[:-1]).astype(np.float64)
    padded = np.pad(speech, (FRAME // 2, FRAME))
    window = np.hanning(FRAME)
    out = np.zeros(padded.size + FRAME)
    to_next_pulse = 0
    for start in range(0, speech.size + HOP, HOP):
        frame = padded[start : start + FRAME] * window
        correlation = np.correlate(frame, frame, "full")[FRAME - 1 :]
        if frame.size < FRAME or correlation[0] < 1e-8:
            continue
        coefficients, power = _levinson(correlation)
        period = _period(correlation)
        source, to_next_pulse = _source(period, to_next_pulse, rng)
        out[start : start + FRAME] += (
            lfilter([np.sqrt(power / np.sum(window**2))], coefficients, source) * window
        )
    copied = lfilter([1.0], [1.0, -0.97], out[FRAME // 2 : FRAME // 2 + speech.size])
    return np.asarray(copied, dtype=np.float32)


def _levinson(correlation: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """The prediction-error filter (order + 1,) and the power of the error."""
    filter_ = np.zeros(ORDER + 1)
    filter_[0], error = 1.0, float(correlation[0]) * LIFT
    for order in range(1, ORDER + 1):
        reflection = -float(filter_[:order] @ correlation[order:0:-1]) / error
        filter_[: order + 1] += reflection * filter_[: order + 1][::-1]
        error *= 1.0 - reflection**2
    return filter_, max(error, 1e-12)


def _period(correlation: NDArray[np.float64]) -> int:
    """Samples from one pulse of the voice to the next; 0 where the frame is not voiced."""
    overlap = 1.0 - np.arange(LAGS.stop) / FRAME
    normal = correlation[: LAGS.stop] / correlation[0] / overlap
    lag = int(np.argmax(normal[LAGS.start :])) + LAGS.start
    return lag if normal[lag] >= PERIODIC else 0


def _source(
    period: int, to_next_pulse: int, rng: np.random.Generator
) -> tuple[NDArray[np.float64], int]:
    """Pulses or noise (frame,) of unit power, and where the next frame's first pulse comes."""
    if period == 0:
        return rng.standard_normal(FRAME), 0
    source = np.zeros(FRAME)
    places = np.arange(min(to_next_pulse, period - 1), FRAME, period)
    source[places] = np.sqrt(period)
    after = places[places >= HOP]
    return source, int(after[0] - HOP) if after.size else 0
