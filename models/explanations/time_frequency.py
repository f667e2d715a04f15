"""A stretch of speech taken apart into frequencies and times, and put together again.

Short-time spectra under a Hann window of 32 ms every 8 ms. What a method gives for each point
is added up in cells of 125 Hz by 32 ms, large enough to see.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.detectors.detector import SAMPLE_RATE
from models.explanations.explanation import Map, Numbers

FRAME, HOP = 512, 128  # samples
BINS = FRAME // 2 + 1
CELL_BINS, CELL_FRAMES = 4, 4
CELL = CELL_FRAMES * HOP  # samples
BANDS = BINS // CELL_BINS
NYQUIST = SAMPLE_RATE / 2  # Hz


def to_points(waveforms: Tensor) -> Tensor:
    """Complex (b, 257, frames) of waveforms (b, n); frame j lies around sample 128 j."""
    window = torch.hann_window(FRAME, device=waveforms.device)
    return torch.stft(waveforms, FRAME, HOP, window=window, return_complex=True)


def from_points(points: Tensor, samples: int) -> Tensor:
    """The waveforms (b, samples) of points (b, 257, frames), the inverse of `to_points`."""
    window = torch.hann_window(FRAME, device=points.device)
    return torch.istft(points, FRAME, HOP, window=window, length=samples)


def without(waveform: Tensor, erased: Tensor) -> Tensor:
    """Waveforms (b, n): a waveform (n,) without the points that masks (b, 257, frames) name."""
    points = to_points(waveform[None]) * (~erased)
    return from_points(points, waveform.shape[0])


def taken_apart(waveform: Tensor, gradient: Tensor) -> Tensor:
    """Σ gradient · waveform (n,) as a sum over points (257, frames).

    A waveform is the sum of its short-time components, and each contributes its part to the sum:
    Re(conj(X) ∂f/∂X), as in arXiv 2303.06365.
    """
    points = to_points(waveform[None]).detach().requires_grad_(True)
    with torch.enable_grad():
        again = from_points(points, waveform.shape[0])
        (slopes,) = torch.autograd.grad(again, points, gradient[None])
    parts: Tensor = (points.conj() * slopes).real[0].detach()
    return parts


def summed(points: NDArray[np.floating], samples: int) -> Numbers:
    """Points (257, frames) added up in cells (64, cells)."""
    bands, times = cells(points.shape[1], samples)
    values = np.zeros((BANDS, cell_count(samples)))
    np.add.at(values, (bands[:, None], times[None]), points)
    return values


def cells(frames: int, samples: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The cell of each bin (257,) and of each frame (frames,)."""
    bands = np.minimum(np.arange(BINS) // CELL_BINS, BANDS - 1)
    times = np.minimum(np.arange(frames) // CELL_FRAMES, cell_count(samples) - 1)
    return bands, times


def cell_count(samples: int) -> int:
    """How many cells a stretch has along time."""
    return -(-samples // CELL)


def cell_edges_hz() -> Numbers:
    """The edges (65,) of the bands in Hz, lowest first."""
    return np.linspace(0.0, NYQUIST, BANDS + 1)


def cell_edges_s(samples: int) -> Numbers:
    """The edges of the cells in seconds from the start of a stretch; the last may be shorter."""
    edges = np.minimum(np.arange(cell_count(samples) + 1) * CELL, samples)
    return np.asarray(edges / SAMPLE_RATE)


def points_of(heatmap: Map, frames: int) -> Numbers:
    """The value (257, frames) that a map shows at each point."""
    hertz = np.arange(BINS) * SAMPLE_RATE / FRAME
    seconds = np.arange(frames) * HOP / SAMPLE_RATE
    rows = np.searchsorted(heatmap.edges_hz, hertz, side="right") - 1
    columns = np.searchsorted(heatmap.edges_s, seconds, side="right") - 1
    high, wide = heatmap.values.shape
    places = np.ix_(rows.clip(0, high - 1), columns.clip(0, wide - 1))
    return np.asarray(heatmap.values[places])


def folded(columns: Numbers, first: float, hop: float, samples: int, window: int) -> Numbers:
    """A map's columns (rows, columns) over a window as cells (rows, cells) of the stretch in it.

    Values are interpolated between the middles of columns. Where the window repeats the stretch, a
    cell is the mean over its repetitions.
    """
    places = np.arange(0, window, HOP)
    middles = first + hop * np.arange(columns.shape[1])
    dense = np.stack([np.interp(places, middles, row) for row in columns])
    cell = (places % samples) // CELL
    count = cell_count(samples)
    sums = np.stack([np.bincount(cell, row, count) for row in dense])
    return np.asarray(sums / np.bincount(cell, minlength=count).clip(min=1))
