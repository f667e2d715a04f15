"""A stretch of speech without one tile of its short-time spectrum at a time (numpy alone).

The same tiles as `models.explanations.occlusion`, which needs torch: Hann windows of 32 ms every
8 ms.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.audio.reading import SAMPLE_RATE

FRAME, HOP = 512, 128  # samples
BINS = FRAME // 2 + 1
HALF = FRAME // 2
SHORTEST = 1_600  # samples of a tile: 0.1 s
FINE_HZ = (0.0, 250.0, 500.0, 1000.0, 1500.0, 2250.0, 3250.0, 4750.0, 8000.0)
COARSE_HZ = (0.0, 500.0, 1500.0, 3250.0, 8000.0)
FINE_TIMES, COARSE_TIMES = 12, 8  # tiles along the time axis, at most
# periodic, as torch's
WINDOW = (0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(FRAME) / FRAME)).astype(np.float32)

Points = NDArray[np.complexfloating]  # (frames, BINS)
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Tiling:
    """The tiles of a stretch: bands by times, whole bands, whole times, in this order."""

    edges_hz: tuple[float, ...]
    edges_s: tuple[float, ...]
    masks: tuple[tuple[Mask, Mask], ...]  # times (frames,) and bands (BINS,) that are taken out


def tiling(samples: int, fine: bool) -> Tiling:
    """The tiles of a stretch of so many samples."""
    edges_hz = FINE_HZ if fine else COARSE_HZ
    most = FINE_TIMES if fine else COARSE_TIMES
    count = min(most, max(1, samples // SHORTEST))
    edges_s = np.linspace(0.0, samples, count + 1) / SAMPLE_RATE
    frames = samples // HOP + 1
    bands = _members(np.arange(BINS) * SAMPLE_RATE / FRAME, np.array(edges_hz))
    times = _members(np.arange(frames) * HOP / SAMPLE_RATE, edges_s)
    everywhere, always = np.ones(BINS, bool), np.ones(frames, bool)
    masks = [(time, band) for band in bands for time in times]
    masks += [(always, band) for band in bands] + [(time, everywhere) for time in times]
    return Tiling(edges_hz, tuple(map(float, edges_s)), tuple(masks))


def without_tiles(waveform: NDArray[np.float32], tiles: Tiling) -> Iterator[NDArray[np.float32]]:
    """The waveform (samples,) without each tile in turn."""
    points = to_points(waveform)
    for time, band in tiles.masks:
        rest = points.copy()
        rest[np.ix_(time, band)] = 0.0
        yield from_points(rest, len(waveform))


def to_points(waveform: NDArray[np.float32]) -> Points:
    """Complex (frames, BINS) of a waveform (n,); frame j lies around sample 128 j."""
    padded = np.pad(waveform, HALF, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, FRAME)[::HOP]
    return np.asarray(np.fft.rfft(frames * WINDOW, axis=1))


def from_points(points: Points, samples: int) -> NDArray[np.float32]:
    """The waveform (samples,) of points (frames, BINS), the inverse of `to_points`."""
    frames = np.fft.irfft(points, FRAME, axis=1) * WINDOW
    total = np.zeros(FRAME + HOP * (len(frames) - 1))
    weight = np.zeros_like(total)
    for number, frame in enumerate(frames):
        place = slice(number * HOP, number * HOP + FRAME)
        total[place] += frame
        weight[place] += WINDOW**2
    inner = slice(HALF, HALF + samples)
    return np.asarray(total[inner] / np.maximum(weight[inner], 1e-8), np.float32)


def _members(places: NDArray[np.floating], edges: NDArray[np.floating]) -> list[Mask]:
    """For each two neighbouring edges, which places (n,) lie between them."""
    owner = (np.searchsorted(edges, places, side="right") - 1).clip(0, len(edges) - 2)
    return [owner == index for index in range(len(edges) - 1)]
