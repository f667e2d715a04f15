"""Speech made longer or shorter at the same pitch.

Verhelst and Roelands, "An overlap-add technique based on waveform similarity (WSOLA) for high
quality time-scale modification of speech" (1993): frames are taken from the waveform at another
pace than they are laid down, each from the place nearby that continues the last one best.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.audio.reading import SAMPLE_RATE

HOP = SAMPLE_RATE // 50  # 20 ms; frames are two hops long and overlap by one
REACH = SAMPLE_RATE * 8 // 1000  # 8 ms to either side: a period of the lowest voice


def stretch(waveform: NDArray[np.float32], factor: float) -> NDArray[np.float32]:
    """The waveform (samples,) with `factor` times as many samples, its pitch unchanged."""
    samples = round(waveform.size * factor)
    frames = -(-samples // HOP) + 1
    source = np.pad(waveform, (REACH + HOP, REACH + 4 * HOP))
    last = source.size - 3 * HOP - 2 * REACH
    window = np.hanning(2 * HOP + 1)[:-1].astype(np.float32)  # overlapping ones sum to 1
    out = np.zeros((frames + 1) * HOP, np.float32)
    at = REACH  # where the frame before was taken
    for number in range(frames):
        wanted = min(int(number * HOP / factor), last)
        if number:
            at = wanted + _best_shift(
                source[wanted : wanted + 2 * (REACH + HOP)], source[at + HOP :]
            )
        out[number * HOP : (number + 2) * HOP] += window * source[at : at + 2 * HOP]
    return out[HOP : HOP + samples]


def _best_shift(region: NDArray[np.float32], natural: NDArray[np.float32]) -> int:
    """Where in a region (2 · (reach + hop),) the next frame is most like the natural one."""
    target = natural[: 2 * HOP]
    likeness = np.correlate(region, target, "valid")
    squares = np.concatenate([[0.0], np.cumsum(np.square(region, dtype=np.float64))])
    energies = squares[target.size :] - squares[: -target.size]
    return int(np.argmax(likeness / np.sqrt(energies + 1e-9)))
