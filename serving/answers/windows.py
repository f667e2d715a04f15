"""A waveform as the windows of a detector, each with its place in the recording."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.audio.reading import SAMPLE_RATE
from models.audio.windows import cut_windows, window_starts
from models.params.window import WindowParams

FINE_S = 1.0  # docs/endpoint.md: what shorter and longer ones find
BLOCK = 32  # windows that wait for the detector at once: 8 MB


@dataclass(frozen=True)
class PlacedWindows:
    """Windows (n, samples) of one length, and where they are: (start, end) in seconds."""

    samples: NDArray[np.float32]
    spans_s: list[tuple[float, float]]


def own_windows(waveform: NDArray[np.float32], window: WindowParams) -> PlacedWindows:
    """The windows that the score is made of."""
    size = waveform.size
    starts = window_starts(size, window) if size > window.samples else [0]
    return PlacedWindows(
        cut_windows(waveform, window),
        [_span(start, min(start + window.samples, size)) for start in starts],
    )


def fine_windows(waveform: NDArray[np.float32], window: WindowParams) -> Iterator[PlacedWindows]:
    """Windows of FINE_S, half of each in the next, in blocks; the last ends with the waveform.

    Each becomes what a recording of its length becomes: repeated to the detector's window, or its
    own, as `window.short` says.
    """
    length = min(int(FINE_S * SAMPLE_RATE), window.samples)
    last = max(waveform.size - length, 0)
    starts = [*range(0, last, length // 2), last]
    for first in range(0, len(starts), BLOCK):
        block = starts[first : first + BLOCK]
        parts = [waveform[start : start + length] for start in block]
        yield PlacedWindows(
            np.concatenate([cut_windows(part, window) for part in parts]),
            [_span(start, start + len(part)) for start, part in zip(block, parts, strict=True)],
        )


def _span(start: int, end: int) -> tuple[float, float]:
    return start / SAMPLE_RATE, end / SAMPLE_RATE
