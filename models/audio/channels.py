"""Channels as one: their mean, unless they cancel in it.

The mean of a channel and its inverse is silence, and what coding noise is left of it is scored as
if it were the recording. Wherever the channels undo each other, be it for a while or in a band of
frequencies, a listener hears what the mean lacks.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BLOCK = 8_000  # samples at 16 kHz that are looked at together: half a second
SHORTEST = 1_000  # of them that say enough at the end
BANDS = 16  # of 500 Hz each
RATE = 16_000
# Power of the mean over that of unrelated channels, whose powers add up. Two channels that are
# the same have 2, R = -0.9 L has 0.006, R = -0.5 L 0.2; a correlation of -0.75 is at the limit.
CANCELLED = 0.25
FLOOR = 1e-11  # of a full scale, squared: half a step of 16 bits in one band
LEAK = 5e-3  # a band with less, of the one beside it, holds a bin or two: the slope of a filter
CANCELLED_SHARE = 0.03  # of the cells, half a second by a band, that may be cancelled


class Mixer:
    """Mixes the channels of a recording, block by block, and watches what is lost."""

    def __init__(self) -> None:
        self._waiting: NDArray[np.float32] | None = None
        self._cells = self._cancelled = 0

    def mix(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        """The mean (frames,) of channels (frames, channels), or (frames,) of one, at 16 kHz."""
        if block.ndim == 1 or block.shape[1] == 1:
            return block.reshape(-1)
        whole = block if self._waiting is None else np.concatenate([self._waiting, block])
        end = len(whole) - len(whole) % BLOCK
        for start in range(0, end, BLOCK):
            self._look(whole[start : start + BLOCK])
        self._waiting = whole[end:].copy()
        return np.asarray(block.mean(axis=1), dtype=np.float32)

    def cancelled_share(self) -> float:
        """The share of the sound, in time and frequency, in which the channels cancel."""
        if self._waiting is not None and len(self._waiting) >= SHORTEST:
            self._look(self._waiting)
            self._waiting = None
        return self._cancelled / self._cells if self._cells else 0.0

    def _look(self, block: NDArray[np.float32]) -> None:
        frames, channels = block.shape
        sides = np.concatenate([block, block.mean(axis=1, keepdims=True)], axis=1)
        spectra = np.fft.rfft(sides * np.hanning(frames)[:, None], axis=0)
        hertz = np.fft.rfftfreq(frames, 1 / RATE)
        power = np.zeros((BANDS, channels + 1))
        band = np.minimum(hertz * (2 * BANDS / RATE), BANDS - 1).astype(int)
        np.add.at(power, band, np.square(np.abs(spectra)) / frames**2)
        apart = power[:, :channels].sum(axis=1) / channels**2  # (bands,)
        beside = np.pad(apart, 1)
        neighbours = np.maximum(beside[:-2], beside[2:])
        sounds = apart > np.maximum(FLOOR, LEAK * neighbours)
        self._cells += int(sounds.sum())
        self._cancelled += int((sounds & (power[:, channels] < CANCELLED * apart)).sum())
