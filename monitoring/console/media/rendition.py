"""One decoded recording, readable while it is still being decoded."""

from __future__ import annotations

import mmap
import os
import threading
import weakref
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monitoring.console.media.plain import BLOCK, PEAKS, SAMPLES, mean_of

MIX = "mix"


class Progress(StrEnum):
    """How far a rendition is."""

    WAITING = "waiting"  # nothing is known of it yet
    READING = "reading"
    READY = "ready"
    REFUSED = "refused"  # it cannot be heard; `sentence` says why
    FAILED = "failed"  # it may be heard later; `sentence` says why not now


class Rendition:
    """Frames and peaks of a recording; every method may be called from several threads.

    The files stay open, so that a page in use goes on while its rendition is forgotten.
    """

    def __init__(self) -> None:
        self.progress = Progress.WAITING
        self.sentence = ""
        self.rate = self.channels = self.done = 0
        self.frames: int | None = None  # None: known when it is ready
        self._changed = threading.Condition()
        self._samples = self._peaks = -1

    def begin(self, folder: Path, rate: int, channels: int, frames: int | None) -> None:
        """The header is known, and the files are there."""
        self._samples, self._peaks = (os.open(folder / n, os.O_RDONLY) for n in (SAMPLES, PEAKS))
        weakref.finalize(self, os.close, self._samples)
        weakref.finalize(self, os.close, self._peaks)
        self._set(rate=rate, channels=channels, frames=frames, progress=Progress.READING)

    def advance(self, done: int) -> None:
        """So many frames are there."""
        self._set(done=done)

    def finish(self, frames: int) -> None:
        """All of it is there."""
        self._set(done=frames, frames=frames, progress=Progress.READY)

    def stop(self, progress: Progress, sentence: str) -> None:
        """It cannot be heard."""
        self._set(progress=progress, sentence=sentence)

    def wait(self, frame: int = 1, patience_s: float = 10.0) -> bool:
        """Wait until `frame` frames are there; False where they will not be, or not in time."""
        with self._changed:
            self._changed.wait_for(lambda: self.done >= frame or self.ended, patience_s)
            return self.done >= frame

    def wait_for_header(self, patience_s: float) -> bool:
        """Wait until something is known; False where it takes longer."""
        with self._changed:
            return self._changed.wait_for(lambda: self.progress != Progress.WAITING, patience_s)

    @property
    def ended(self) -> bool:
        """Whether no more will come."""
        return self.progress not in (Progress.WAITING, Progress.READING)

    def view(self) -> NDArray[np.int16]:
        """A map (frames, channels) of the frames that are there."""
        done = self.done
        if not done:
            return np.zeros((0, max(self.channels, 1)), np.int16)
        size = 2 * done * self.channels
        mapped = mmap.mmap(self._samples, size, prot=mmap.PROT_READ)
        return np.frombuffer(mapped, np.int16).reshape(done, self.channels)

    def sound(self, start: int, stop: int, channel: str) -> NDArray[np.int16]:
        """Samples (stop - start,) of a channel, or of the mean of all."""
        return self.pick(self.view()[start:stop], channel)

    def pick(self, frames: NDArray[np.int16], channel: str) -> NDArray[np.int16]:
        """One channel (n,) of frames (n, channels)."""
        if channel != MIX:
            return frames[:, int(channel)]
        return frames[:, 0] if self.channels == 1 else mean_of(frames)

    def has(self, channel: str) -> bool:
        """Whether there is such a channel: `mix`, `0`, `1` …"""
        names = (MIX, *map(str, range(self.channels)))
        return channel in names

    def peaks(self, start: int, stop: int, columns: int, channel: str) -> NDArray[np.int16]:
        """The lowest and highest sample (columns, 2) of equal parts of some frames.

        What is not there yet, and what lies outside the recording, is 0.
        """
        edges = np.linspace(start, stop, columns + 1).astype(np.int64)
        result = np.zeros((columns, 2), np.int16)
        coarse = (stop - start) >= 4 * BLOCK * columns
        unit = BLOCK if coarse else 1
        first, last = max(start // unit, 0), -(-min(stop, self.done) // unit)
        rows = self._coarse(first, last, channel) if coarse else self._fine(first, last, channel)
        starts = np.clip(edges[:-1] // unit - first, 0, None)
        used = starts < len(rows)
        if used.any():
            ends = starts[used]
            result[used, 0] = np.minimum.reduceat(rows[:, 0], ends)
            result[used, 1] = np.maximum.reduceat(rows[:, 1], ends)
        return result

    def _coarse(self, first: int, last: int, channel: str) -> NDArray[np.int16]:
        """Stored peaks (blocks, 2)."""
        lanes = self.channels + 1 if self.channels > 1 else 1
        row = 4 * lanes
        data = os.pread(self._peaks, max(last - first, 0) * row, first * row)
        blocks = np.frombuffer(data[: len(data) // row * row], np.int16).reshape(-1, lanes, 2)
        return blocks[:, -1 if channel == MIX else int(channel)]

    def _fine(self, first: int, last: int, channel: str) -> NDArray[np.int16]:
        """Each frame as its own peak (frames, 2)."""
        samples = self.sound(first, max(last, first), channel)
        return np.stack([samples, samples], axis=-1)

    def _set(self, **values: Any) -> None:
        with self._changed:
            for name, value in values.items():
                setattr(self, name, value)
            self._changed.notify_all()
