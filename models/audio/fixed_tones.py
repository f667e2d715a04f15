"""Tones that many recordings share: what a hidden trigger in training data may sound like.

A tone is a narrow line of the spectrum that stands still for a while. Voices have lines too, but
they move, and above LOWEST_HZ they stand at other places in other recordings.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from models.audio.reading import SAMPLE_RATE

FRAME, HOP = 1024, 256  # samples
WIDTH_HZ = SAMPLE_RATE / FRAME  # of a line: 15.6 Hz
PROMINENCE_DB = 15.0  # over the mean of its neighbours
LOWEST_HZ = 1000.0  # below it voices of one pitch share their harmonics
LASTS_S = 0.15
FEWEST = 3  # recordings that share a line
SHARE = 0.25  # of the recordings of a label, likewise
_NEAR, _FAR = 3, 10  # lines: a window's own leakage ends before, a neighbourhood here

Lines = NDArray[np.bool_]  # (FRAME // 2 + 1,)


def standing_lines(waveform: NDArray[np.float32]) -> Lines:
    """Which lines of the spectrum of a waveform (samples,) at 16 kHz stand still somewhere."""
    if waveform.size < FRAME:
        return np.zeros(FRAME // 2 + 1, dtype=np.bool_)
    frames = np.lib.stride_tricks.sliding_window_view(waveform, FRAME)[::HOP]
    power = np.abs(np.fft.rfft(frames * np.hanning(FRAME), axis=1)) ** 2  # (frames, lines)
    levels = 10 * np.log10(power + 1e-12)
    wide, narrow = 2 * _FAR + 1, 2 * _NEAR - 1
    ground = (
        wide * ndimage.uniform_filter1d(levels, wide, axis=1, mode="nearest")
        - narrow * ndimage.uniform_filter1d(levels, narrow, axis=1, mode="nearest")
    ) / (wide - narrow)
    needed = max(int(LASTS_S * SAMPLE_RATE / HOP), 1)
    stands = ndimage.minimum_filter1d(levels - ground, size=needed, axis=0, mode="nearest")
    lines: Lines = (stands > PROMINENCE_DB).any(axis=0)
    lines[: int(LOWEST_HZ / WIDTH_HZ)] = False
    return lines


def shared_lines(lines: Sequence[Lines], others: Sequence[Lines]) -> Lines:
    """The lines that FEWEST and SHARE of recordings have, and at most half that share of others."""
    if len(lines) < FEWEST:
        return np.zeros(FRAME // 2 + 1, dtype=np.bool_)
    number = np.sum(lines, axis=0)
    shared = (number >= FEWEST) & (number >= SHARE * len(lines))
    if others:
        shared &= np.mean(others, axis=0) <= SHARE / 2
    result: Lines = shared
    return result
