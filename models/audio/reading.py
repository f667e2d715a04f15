"""Any audio file as one waveform: the only door by which audio comes in.

Everything is checked in the order of its cost: size, header, then samples, so that a small file
that unpacks to gigabytes is refused before memory is taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from models.audio.channels import CANCELLED_SHARE, Mixer
from models.audio.containers import parts_of
from models.audio.containers.part import DamagedError, TruncatedError, UnreadableError
from models.audio.decoding import AudioStream, open_stream
from models.errors import InputError

SAMPLE_RATE = 16_000  # Hz, of every waveform in antiphon
SILENCE = 2.0**-16  # peak to peak; half a step of 16 bits, so that a lossy zero is zero
MIX, EACH = "mix", "each"  # channels, where it is not one by its number
HIGHEST_PEAK = 8.0  # of float samples; codecs overshoot full scale, which is 1, by less than half


@dataclass(frozen=True)
class AudioLimits:
    """Limits of a file; longer or larger files are refused, never cut."""

    bytes: int = 256 * 2**20  # as stored
    seconds: float = 600.0
    shortest_seconds: float = 0.1
    lowest_rate: int = 4_000  # Hz
    highest_rate: int = 192_000  # Hz
    channels: int = 8


DEFAULT_LIMITS = AudioLimits()


def read_audio(
    source: Path | BinaryIO, limits: AudioLimits = DEFAULT_LIMITS
) -> NDArray[np.float32]:
    """Decode a file or open stream, all of it, to a mono waveform (samples,) of float32 at 16 kHz.

    Channels are averaged where they do not cancel, and recordings joined to one file follow each
    other. Sentences call a stream by its `name`, whose suffix tells headerless formats (.g722,
    .alaw …) apart. Raises InputError, in one sentence, where the audio cannot be used.
    """
    (waveform,) = read_channels(source, MIX, limits)
    return np.asarray(waveform)


def read_channels(
    source: Path | BinaryIO, channel: str = MIX, limits: AudioLimits = DEFAULT_LIMITS
) -> NDArray[np.float32]:
    """The same of one channel by its number, of their mix, or of each: (channels, samples).

    Raises InputError also where the recording has no such channel.
    """
    if isinstance(source, Path):
        name, suffix, data = str(source), source.suffix, _read_file(source, limits)
    else:
        named = _name(source)
        name, suffix = named or "the audio", Path(named).suffix
        data = source.read(limits.bytes + 1)
    _check_bytes(name, data, limits)
    try:
        recording = _Recording(name, limits, channel)
        for part in parts_of(data, suffix):
            with open_stream(part) as stream:
                recording.take(stream)
        return recording.channels()
    except UnreadableError as error:
        raise InputError(f"{name}: not audio that can be read ({error})") from error
    except TruncatedError as error:
        raise InputError(f"{name}: truncated, {error}") from error
    except DamagedError as error:
        raise InputError(f"{name}: damaged or truncated, decoding failed ({error})") from error


def _name(source: BinaryIO) -> str:
    name = getattr(source, "name", "")
    return name if isinstance(name, str) else ""


def _read_file(path: Path, limits: AudioLimits) -> bytes:
    if path.is_dir():
        raise InputError(f"{path}: an audio file expected, this is a folder")
    if not path.exists():
        raise InputError(f"{path}: no such file")
    if not path.is_file():
        raise InputError(f"{path}: an audio file expected, this is not a regular file")
    try:
        with path.open("rb") as stream:
            size = path.stat().st_size
            return stream.read(limits.bytes + 1) if size <= limits.bytes else _too_big(path, limits)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error


def _too_big(name: Path | str, limits: AudioLimits) -> bytes:
    raise InputError(f"{name}: at most {limits.bytes / 2**20:g} MiB expected, it is larger")


def _check_bytes(name: str, data: bytes, limits: AudioLimits) -> None:
    if not data:
        raise InputError(f"{name}: empty, no bytes in it")
    if len(data) > limits.bytes:
        _too_big(name, limits)


def _check_header(name: str, stream: AudioStream, limits: AudioLimits) -> None:
    if not limits.lowest_rate <= stream.rate <= limits.highest_rate:
        raise InputError(
            f"{name}: a sample rate of {limits.lowest_rate} to {limits.highest_rate} Hz expected, "
            f"found {stream.rate} Hz"
        )
    if not 1 <= stream.channels <= limits.channels:
        raise InputError(
            f"{name}: at most {limits.channels} channels expected, found {stream.channels}"
        )
    if stream.frames is not None and stream.frames > limits.seconds * stream.rate:
        _too_long(name, limits)


def _too_long(name: str, limits: AudioLimits) -> None:
    raise InputError(f"{name}: at most {limits.seconds:g} s expected, it is longer")


class _Recording:
    """Decoded audio, part by part; at the original rate never more than a block."""

    def __init__(self, name: str, limits: AudioLimits, channel: str) -> None:
        self._name, self._limits, self._channel = name, limits, channel
        self._seconds, self._low, self._high = 0.0, np.inf, -np.inf
        self._width = 0  # channels of the parts so far
        self._blocks: list[NDArray[np.float32]] = []  # (samples, channels)

    def take(self, stream: AudioStream) -> None:
        """Decode, resample and mix a part. Raises InputError where it cannot be used."""
        import soxr

        _check_header(self._name, stream, self._limits)
        self._check_channel(stream.channels)
        resampler = soxr.ResampleStream(stream.rate, SAMPLE_RATE, stream.channels, dtype="float32")
        mixer, frames = Mixer(), 0
        for block in stream.blocks:
            _check_samples(self._name, block)
            frames += len(block)
            if self._seconds + frames / stream.rate > self._limits.seconds:
                _too_long(self._name, self._limits)
            self._low, self._high = min(self._low, block.min()), max(self._high, block.max())
            self._keep(mixer, resampler.resample_chunk(np.ascontiguousarray(block)))
        end = np.zeros((0, stream.channels), np.float32)
        self._keep(mixer, resampler.resample_chunk(end, last=True))
        self._seconds += frames / stream.rate
        _check_length(self._name, stream, frames)
        if (share := mixer.cancelled_share()) > CANCELLED_SHARE:
            raise InputError(
                f"{self._name}: its {stream.channels} channels cancel when they are mixed, in "
                f"{share:.0%} of the sound; each channel in a file of its own expected"
            )

    def channels(self) -> NDArray[np.float32]:
        """All parts (channels, samples). Raises InputError where there is too little sound."""
        if self._seconds < self._limits.shortest_seconds:
            raise InputError(
                f"{self._name}: too short, at least {self._limits.shortest_seconds:g} s expected, "
                f"found {self._seconds:.3f} s"
            )
        if self._high - self._low < SILENCE:
            raise InputError(f"{self._name}: digital silence, no sound in it")
        return np.ascontiguousarray(np.concatenate(self._blocks).T)

    def _check_channel(self, width: int) -> None:
        if self._channel.isdecimal() and int(self._channel) >= width:
            numbers = "0" if width == 1 else f"0 to {width - 1}"
            raise InputError(
                f"channel: {numbers}, {MIX} or {EACH} expected, the recording has {width} "
                f"channel{'s' if width > 1 else ''}, found {self._channel}"
            )
        if self._channel == EACH and self._width not in (0, width):
            raise InputError(
                f"{self._name}: parts of {self._width} and of {width} channels are joined in it; "
                f"channel {MIX} expected"
            )
        self._width = width

    def _keep(self, mixer: Mixer, block: NDArray[np.float32]) -> None:
        if self._channel == MIX:
            self._blocks.append(mixer.mix(block)[:, None])
            return
        apart = block.reshape(len(block), self._width)
        number = slice(None) if self._channel == EACH else [int(self._channel)]
        self._blocks.append(apart[:, number])


def _check_samples(name: str, block: NDArray[np.float32]) -> None:
    peak = float(np.abs(block).max(initial=0.0))
    if not np.isfinite(peak):
        raise InputError(f"{name}: NaN or infinite samples in it")
    if peak > HIGHEST_PEAK:
        raise InputError(
            f"{name}: samples up to {peak:.4g} times full scale, at most {HIGHEST_PEAK:g} "
            "expected; float samples should lie within -1 and 1"
        )


def _check_length(name: str, stream: AudioStream, frames: int) -> None:
    if stream.frames is not None and frames + stream.slack < stream.frames:
        raise InputError(
            f"{name}: truncated, its header announces {stream.frames / stream.rate:.2f} s, "
            f"{frames / stream.rate:.2f} s could be decoded"
        )
