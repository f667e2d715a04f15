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

from models.audio.containers import missing_end
from models.audio.decoding import AudioStream, DamagedError, UnreadableError, open_stream
from models.errors import InputError

SAMPLE_RATE = 16_000  # Hz, of every waveform in antiphon
SILENCE = 2.0**-16  # peak to peak; half a step of 16 bits, so that a lossy zero is zero


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
    """Decode a file or open stream to a mono waveform (samples,) of float32 at 16 kHz.

    Channels are averaged. A stream may carry a `name` whose suffix tells headerless formats
    (.g722, .alaw …) apart. Raises InputError, in one sentence, where the audio cannot be used.
    """
    if isinstance(source, Path):
        name, suffix, data = str(source), source.suffix, _read_file(source, limits)
    else:
        name, suffix, data = "the audio", _suffix(source), source.read(limits.bytes + 1)
    _check_bytes(name, data, limits)
    try:
        with open_stream(data, suffix) as stream:
            _check_header(name, stream, limits)
            waveform = _decode(name, stream, limits)
    except UnreadableError as error:
        raise InputError(f"{name}: not audio that can be read ({error})") from error
    except DamagedError as error:
        raise InputError(f"{name}: damaged or truncated, decoding failed ({error})") from error
    return waveform


def _suffix(source: BinaryIO) -> str:
    name = getattr(source, "name", "")
    return Path(name).suffix if isinstance(name, str) else ""


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
    if missing := missing_end(data):
        raise InputError(f"{name}: truncated, {missing}")


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


def _decode(name: str, stream: AudioStream, limits: AudioLimits) -> NDArray[np.float32]:
    """Mix, resample and join the blocks, never holding more than one at the original rate."""
    import soxr

    resampler = soxr.ResampleStream(stream.rate, SAMPLE_RATE, 1, dtype="float32")
    frames, low, high = 0, np.inf, -np.inf
    parts: list[NDArray[np.float32]] = []
    for block in stream.blocks:
        with np.errstate(over="ignore", invalid="ignore"):  # infinity is refused just below
            mono = block.mean(axis=1) if stream.channels > 1 else block[:, 0]  # (frames,)
        low, high = min(low, mono.min()), max(high, mono.max())
        if not np.isfinite(mono).all():
            raise InputError(f"{name}: NaN or infinite samples in it")
        frames += len(mono)
        if frames > limits.seconds * stream.rate:
            _too_long(name, limits)
        parts.append(resampler.resample_chunk(np.ascontiguousarray(mono)))
    _check_decoded(name, stream, frames, limits)
    if high - low < SILENCE:
        raise InputError(f"{name}: digital silence, no sound in it")
    parts.append(resampler.resample_chunk(np.zeros(0, np.float32), last=True))
    return np.concatenate(parts)


def _check_decoded(name: str, stream: AudioStream, frames: int, limits: AudioLimits) -> None:
    if stream.frames is not None and frames + stream.slack < stream.frames:
        raise InputError(
            f"{name}: truncated, its header announces {stream.frames / stream.rate:.2f} s, "
            f"{frames / stream.rate:.2f} s could be decoded"
        )
    if frames < limits.shortest_seconds * stream.rate:
        raise InputError(
            f"{name}: too short, at least {limits.shortest_seconds:g} s expected, "
            f"found {frames / stream.rate:.3f} s"
        )
