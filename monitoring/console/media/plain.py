"""A decoded recording on the disk: 16-bit samples and their peaks, written block by block.

`samples` holds frames (frames, channels) of int16. `peaks` holds, for each BLOCK of frames, the
lowest and the highest sample of each channel and of the mean of all: (blocks, channels + 1, 2), or
(blocks, 1, 2) of one channel. Both grow while a recording is decoded, and can be read meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.audio.decoding import AudioStream
from models.errors import InputError

SAMPLES, PEAKS = "samples.i16", "peaks.i16"
BLOCK = 256  # frames
FULL_SCALE = 32_767
LOWEST_RATE, HIGHEST_RATE = 4_000, 192_000  # Hz
KEPT_RATE = 48_000  # Hz; what is above, nobody hears
CHANNELS = 8
LONGEST_S = 4 * 3600.0
LARGEST_BYTES = 4 * 2**30  # of samples on the disk


class PlainWriter:
    """Writes one recording, and says how far it is."""

    def __init__(
        self, folder: Path, say: Callable[..., None], stack: ExitStack, seconds: float | None
    ) -> None:
        """`seconds`: how long the recording was when it was scored, if it was."""
        self._samples = stack.enter_context((folder / SAMPLES).open("wb"))
        self._peaks = stack.enter_context((folder / PEAKS).open("wb"))
        self._say, self._seconds = say, seconds
        self._rate = self._channels = self._done = 0
        self._announced: int | None = None  # frames; what comes is filled up, or cut, to them
        self._rest: NDArray[np.int16] | None = None  # frames of a block that is not full

    def take(self, stream: AudioStream) -> None:
        """Write a recording behind the ones before it. Raises InputError where it cannot be."""
        import soxr

        _check(stream)
        if not self._rate:
            self._begin(stream)
        resampler = None
        if stream.rate != self._rate:
            resampler = soxr.ResampleStream(
                stream.rate, self._rate, stream.channels, dtype="float32"
            )
        decoded = 0
        for block in stream.blocks:
            decoded += len(block)
            self._write(resampler.resample_chunk(block) if resampler else block)
        if resampler:
            end = np.zeros((0, stream.channels), np.float32)
            self._write(resampler.resample_chunk(end, last=True))
        if stream.frames is not None and decoded + stream.slack < stream.frames:
            raise InputError(
                f"truncated, its header announces {stream.frames / stream.rate:.2f} s, "
                f"{decoded / stream.rate:.2f} s could be decoded"
            )

    def close(self) -> int:
        """Write what waits; frames of the recording. Raises InputError where there are none."""
        if not self._done:
            raise InputError("no audio in it could be decoded")
        missing = (self._announced or 0) - self._done  # a codec's padding, or what is rounded
        if missing > 0:
            self._write(np.zeros((missing, self._channels), np.float32))
        if self._rest is not None and len(self._rest):
            self._write_peaks(self._rest, np.array([0]))
        self._samples.flush()
        self._peaks.flush()
        return self._done

    def _begin(self, stream: AudioStream) -> None:
        self._rate = min(stream.rate, KEPT_RATE)
        self._channels = stream.channels
        if self._seconds is not None:
            self._announced = max(1, round(self._seconds * self._rate))
        self._say(rate=self._rate, channels=self._channels, frames=self._announced)

    def _write(self, block: NDArray[np.float32]) -> None:
        """Write frames (n, channels), of any number of channels."""
        if self._announced is not None:
            block = block[: self._announced - self._done]
        if not len(block):
            return
        if block.shape[1] != self._channels:  # of a recording that was joined to another
            mean = block.mean(axis=1, keepdims=True)
            block = np.repeat(mean, self._channels, axis=1)
        whole = np.nan_to_num(np.clip(block, -1.0, 1.0)) * FULL_SCALE
        frames = np.rint(whole).astype(np.int16)
        self._done += len(frames)
        if self._done > LONGEST_S * self._rate:
            raise _too_long()
        self._samples.write(np.ascontiguousarray(frames).data)
        waiting = frames if self._rest is None else np.concatenate([self._rest, frames])
        end = len(waiting) - len(waiting) % BLOCK
        self._rest = waiting[end:]
        if end:
            self._write_peaks(waiting[:end], np.arange(0, end, BLOCK))
        self._samples.flush()
        self._peaks.flush()
        self._say(done=self._done)

    def _write_peaks(self, frames: NDArray[np.int16], starts: NDArray[np.int64]) -> None:
        self._peaks.write(np.ascontiguousarray(peaks_of(with_mean(frames), starts)).data)


def with_mean(frames: NDArray[np.int16]) -> NDArray[np.int16]:
    """Frames (n, channels) and behind them their mean (n, channels + 1); of one channel, as is."""
    if frames.shape[1] == 1:
        return frames
    return np.concatenate([frames, mean_of(frames)[:, None]], axis=1)


def mean_of(frames: NDArray[np.int16]) -> NDArray[np.int16]:
    """The mean (n,) of channels (n, channels)."""
    return np.asarray(frames.mean(axis=1, dtype=np.float32).round(), dtype=np.int16)


def peaks_of(frames: NDArray[np.int16], starts: NDArray[np.int64]) -> NDArray[np.int16]:
    """The lowest and the highest (n, channels, 2) of frames, from each start to the next one."""
    lowest = np.minimum.reduceat(frames, starts, axis=0)
    return np.stack([lowest, np.maximum.reduceat(frames, starts, axis=0)], axis=-1)


def _check(stream: AudioStream) -> None:
    if not LOWEST_RATE <= stream.rate <= HIGHEST_RATE:
        raise InputError(
            f"a sample rate of {LOWEST_RATE} to {HIGHEST_RATE} Hz expected, found {stream.rate} Hz"
        )
    if not 1 <= stream.channels <= CHANNELS:
        raise InputError(f"at most {CHANNELS} channels expected, found {stream.channels}")
    if stream.frames is not None and stream.frames > LONGEST_S * stream.rate:
        raise _too_long()
    rate = min(stream.rate, KEPT_RATE)
    if stream.frames and 2 * stream.channels * stream.frames * rate / stream.rate > LARGEST_BYTES:
        raise InputError(f"at most {LARGEST_BYTES >> 30} GiB of samples expected, it has more")


def _too_long() -> InputError:
    return InputError(f"at most {LONGEST_S / 3600:g} h expected, it is longer")
