"""Tiles of a spectrogram: each COLUMNS columns wide, at levels of 4 ms, 8 ms, 16 ms … a column."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from monitoring.console.media.png import encode
from monitoring.console.media.rendition import Rendition

COLUMNS, ROWS = 256, 160  # pixels of a tile
COLUMN_S = 0.004  # at level 0
LEVELS = 14  # a column of the last one is 33 s long
FRAME_S = 0.032  # a compromise between harmonics of a low voice and single pitch periods
HIGHEST_HZ = 12_000.0  # shown; telephony ends at 4 kHz, what detectors hear at 8 kHz
LOOKS = 4  # spectra of one column at most: of longer ones it shows samples
DARKEST_DB, BRIGHTEST_DB = -105.0, -35.0  # of a full-scale sine


def tile_seconds(level: int) -> float:
    """How long a tile is."""
    return float(COLUMNS * COLUMN_S * 2**level)


def highest_hz(rate: int) -> float:
    """The upper edge of the tiles of a recording."""
    return min(rate / 2, HIGHEST_HZ)


def tile(rendition: Rendition, level: int, index: int, channel: str) -> bytes:
    """A PNG of COLUMNS by ROWS pixels; beyond the end of the recording it is dark."""
    rate = rendition.rate
    power = _power(rendition, level, index, channel)  # (bins, columns)
    decibels = (10.0 * np.log10(np.maximum(power, 1e-20))).astype(np.float32)
    rows = _rows(decibels, rate)
    scaled = (rows - DARKEST_DB) / (BRIGHTEST_DB - DARKEST_DB) * 255.0
    return encode(np.clip(scaled, 0, 255).astype(np.uint8)[::-1])


def _power(rendition: Rendition, level: int, index: int, channel: str) -> NDArray[np.float32]:
    """The mean power (bins, columns) of a few spectra of each column."""
    rate, frames = rendition.rate, rendition.view()
    size = 1 << round(np.log2(FRAME_S * rate))
    looks = min(2**level, LOOKS)
    step = COLUMN_S * rate * 2**level / looks
    middles = (index * COLUMNS * looks + np.arange(COLUMNS * looks) + 0.5) * step
    places = middles.astype(np.int64)[:, None] + np.arange(-(size // 2), size // 2)
    inside = (places >= 0) & (places < len(frames))
    if not inside.any():
        return np.zeros((size // 2 + 1, COLUMNS), np.float32)
    taken_from = np.clip(places, 0, len(frames) - 1)
    channels = frames[taken_from.reshape(-1)]
    signal = rendition.pick(channels, channel).reshape(places.shape) / np.float32(32_768.0)
    window = np.hanning(size).astype(np.float32)
    spectra = np.fft.rfft(np.where(inside, signal, np.float32(0.0)) * window, axis=1)
    power = np.square(np.abs(spectra) * (2.0 / window.sum()))
    means: NDArray[np.float32] = power.reshape(COLUMNS, looks, -1).mean(axis=1).T
    return means


def _rows(decibels: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    """ROWS rows of equal height between 0 Hz and the highest that is shown, lowest first."""
    bins = len(decibels)
    places = (np.arange(ROWS) + 0.5) / ROWS * highest_hz(rate) / (rate / 2) * (bins - 1)
    below = np.minimum(places.astype(int), bins - 2)
    share = (places - below)[:, None].astype(np.float32)
    rows: NDArray[np.float32] = decibels[below] * (1 - share) + decibels[below + 1] * share
    return rows
