"""One channel of a stream: its samples at 16 kHz, and the windows that are due.

A window ends every hop, and is as long as the detector's, or shorter where the channel or the
stretch after a gap has just begun. If the detector is busy, windows are left out, but never so many
that a sample would be in none. A gap ends a stretch: the resampler and the window begin anew, and
nothing before it is ever beside what is after it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np
import soxr
from numpy.typing import NDArray

from models.audio.reading import SAMPLE_RATE
from models.audio.windows import MIN_SAMPLES

LEAST_NEW = SAMPLE_RATE // 4  # samples that the last window of a stretch must add


@dataclass(frozen=True, eq=False)
class Cut:
    """A window of one channel; start and end in samples of the stream at 16 kHz."""

    channel: int
    start: int
    end: int
    new: int  # samples at its end that no earlier window had
    waveform: NDArray[np.float32]  # (end - start,)
    skipped: int = 0  # windows that were left out before it


@dataclass(eq=False)
class _Stretch:
    """Audio without a gap."""

    start: int
    rate: int
    samples: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))
    first: int = 0  # of `samples`, in samples of the stream
    covered: int = 0  # up to here, windows were cut
    closed: bool = False
    resampler: soxr.ResampleStream | None = None

    def __post_init__(self) -> None:
        self.first = self.covered = self.start
        if self.rate != SAMPLE_RATE:
            self.resampler = soxr.ResampleStream(self.rate, SAMPLE_RATE, 1, dtype="float32")

    @property
    def end(self) -> int:
        return self.first + len(self.samples)

    def push(self, samples: NDArray[np.float32], *, last: bool = False) -> None:
        if self.resampler is not None:
            samples = self.resampler.resample_chunk(samples, last=last)
        self.samples = np.concatenate([self.samples, samples])
        self.closed = last

    def forget(self, before: int) -> None:
        count = max(0, min(before, self.end) - self.first)
        self.samples, self.first = self.samples[count:], self.first + count


class Track:
    """The samples of one channel, in stretches, and the windows that are due."""

    def __init__(self, channel: int, rate: int, window: int, hop: int) -> None:
        """`rate` in Hz of what comes, `window` and `hop` in samples at 16 kHz."""
        self._channel, self._rate, self._window, self._hop = channel, rate, window, hop
        self._clock = 0  # samples at `rate` that came or are missing
        self._count = 0  # that came
        self._stretches: deque[_Stretch] = deque()
        self._flushing = False

    @property
    def seconds(self) -> float:
        """Of the stream, as far as this channel has come."""
        return self._clock / self._rate

    @property
    def audio_s(self) -> float:
        """Seconds of audio that came, without gaps."""
        return self._count / self._rate

    @property
    def backlog_s(self) -> float:
        """Seconds of audio that were in no window yet."""
        return sum(s.end - s.covered for s in self._stretches) / SAMPLE_RATE

    def push(self, samples: NDArray[np.float32]) -> None:
        """Audio (samples,) at the rate of the stream."""
        if not self._stretches or self._stretches[-1].closed:
            start = round(self._clock * SAMPLE_RATE / self._rate)
            self._stretches.append(_Stretch(start, self._rate))
        self._stretches[-1].push(samples)
        self._clock += len(samples)
        self._count += len(samples)

    def gap(self, seconds: float) -> None:
        """So much is missing here."""
        self.close()
        self._clock += round(seconds * self._rate)

    def close(self) -> None:
        """What comes next does not belong to what came before."""
        if self._stretches and not self._stretches[-1].closed:
            self._stretches[-1].push(np.zeros(0, np.float32), last=True)

    def flush(self) -> None:
        """What has come is due, though it is no whole hop."""
        self._flushing = True

    def due(self) -> Cut | None:
        """The next window; None while there is none."""
        while self._stretches:
            stretch = self._stretches[0]
            cut = self._cut(stretch)
            if cut is not None:
                return cut
            if not stretch.closed:
                break
            self._stretches.popleft()
        self._flushing = False
        return None

    def _cut(self, stretch: _Stretch) -> Cut | None:
        end = self._next_end(stretch)
        if end is None:
            return None
        start = max(stretch.start, end - self._window)
        samples = stretch.samples[start - stretch.first : end - stretch.first]
        new = end - stretch.covered
        skipped = max(0, -(-new // self._hop) - 1)
        stretch.covered = end
        stretch.forget(end + LEAST_NEW - self._window)  # no later window begins earlier
        return Cut(self._channel, start, end, new, samples, skipped)

    def _next_end(self, stretch: _Stretch) -> int | None:
        """Where the next window ends: at the last hop that has come, or with its stretch."""
        new = stretch.end - stretch.covered
        if new > self._window:  # no sample may be left out
            return stretch.covered + self._window
        if stretch.closed or self._flushing:
            is_first = stretch.covered == stretch.start
            return stretch.end if new >= (MIN_SAMPLES if is_first else LEAST_NEW) else None
        hops = new // self._hop
        return stretch.covered + hops * self._hop if hops else None
