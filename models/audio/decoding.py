"""Audio bytes as blocks of samples: by libsndfile, or by FFmpeg for formats it cannot read.

Both sides hand out what the header says before a sample is decoded, then blocks of bounded size,
so that a caller can stop where a header lied.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

BLOCK = 2**20  # samples of all channels together that are decoded at once: 4 MiB as float32
UNKNOWN_LENGTH = 2**62  # libsndfile's count for a stream that does not tell is above this

# suffix of files without any header -> FFmpeg's demuxer and its options
HEADERLESS: dict[str, tuple[str, dict[str, str]]] = {
    ".g722": ("g722", {}),
    ".gsm": ("gsm", {}),
    ".sln": ("s16le", {"sample_rate": "8000"}),  # Asterisk's signed linear
    ".sln16": ("s16le", {"sample_rate": "16000"}),
    ".alaw": ("alaw", {"sample_rate": "8000"}),
    ".al": ("alaw", {"sample_rate": "8000"}),
    ".ulaw": ("mulaw", {"sample_rate": "8000"}),
    ".ul": ("mulaw", {"sample_rate": "8000"}),
    ".mulaw": ("mulaw", {"sample_rate": "8000"}),
}
# Closed, because FFmpeg's playlist formats (hls, concat) open other files and addresses.
DEMUXERS = "mov,matroska,asf,aac,amr,wav,ogg,flac,mp3,caf,ac3,eac3,ape,tta,wv,3gp,aiff,au,w64"
# Containers whose duration is a statement, not an estimate from the bit rate.
TIMED = frozenset({"mov", "matroska", "asf"})


class UnreadableError(ValueError):
    """The bytes are not audio that either library reads; the message is its reason."""


class DamagedError(ValueError):
    """Decoding began and failed; the message gives the reason."""


@dataclass(frozen=True)
class AudioStream:
    """The fields of the header, and the samples as blocks (frames, channels) of float32."""

    rate: int  # Hz
    channels: int
    frames: int | None  # None: the header does not say
    blocks: Iterator[NDArray[np.float32]]
    slack: int = 0  # frames that may be missing without the file being cut


@contextmanager
def open_stream(data: bytes, suffix: str = "") -> Iterator[AudioStream]:
    """Open encoded audio; `suffix` names the format of bytes without a header.

    Raises UnreadableError where the bytes are not audio, and DamagedError, also while blocks are
    taken, where decoding fails.
    """
    with ExitStack() as stack:
        headerless = HEADERLESS.get(suffix.lower())
        stream = None if headerless else _open_sndfile(data, stack)
        yield stream or _open_ffmpeg(data, headerless, stack)


def header_rate(path: Path) -> int | None:
    """The sample rate in Hz from the header of a file; None if there is none."""
    import av
    import soundfile

    if path.suffix.lower() in HEADERLESS:
        return None
    try:
        return int(soundfile.info(str(path)).samplerate)
    except soundfile.LibsndfileError:
        pass
    try:
        with av.open(str(path), options={"format_whitelist": DEMUXERS}) as container:
            return next((stream.sample_rate for stream in container.streams.audio), None)
    except av.FFmpegError:
        return None


def _open_sndfile(data: bytes, stack: ExitStack) -> AudioStream | None:
    """libsndfile's view of the bytes; None where it cannot read them."""
    import soundfile

    try:
        file = stack.enter_context(soundfile.SoundFile(io.BytesIO(data)))
    except soundfile.LibsndfileError:
        return None
    if file.frames >= UNKNOWN_LENGTH:
        return None  # soundfile seeks after each block, which fails here; FFmpeg does not
    slack = file.samplerate // 10 if file.format == "MP3" else 0  # encoder delay, counted or not
    return AudioStream(file.samplerate, file.channels, file.frames, _sndfile_blocks(file), slack)


def _sndfile_blocks(file: Any) -> Iterator[NDArray[np.float32]]:
    import soundfile

    remaining, step = int(file.frames), max(BLOCK // int(file.channels), 1)
    while remaining > 0:
        try:
            block = file.read(frames=min(step, remaining), dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            raise DamagedError(str(error.error_string).rstrip(".")) from error
        if not len(block):
            return
        remaining -= len(block)
        yield block


def _open_ffmpeg(
    data: bytes, headerless: tuple[str, dict[str, str]] | None, stack: ExitStack
) -> AudioStream:
    import av

    demuxer, options = headerless or (None, {"format_whitelist": DEMUXERS})
    try:
        container = stack.enter_context(
            av.open(
                io.BytesIO(data),
                mode="r",
                format=demuxer,
                options=options,
                metadata_errors="replace",  # a title in another encoding spoils no audio
            )
        )
    except av.FFmpegError as error:
        raise UnreadableError(_reason(error)) from error
    if not container.streams.audio:
        raise UnreadableError("no audio stream in it")
    stream = container.streams.audio[0]
    context = stream.codec_context
    if context is None or not context.sample_rate:
        raise UnreadableError("no codec known for its audio stream")
    frames = _ffmpeg_frames(container, stream, context.sample_rate)
    blocks = _ffmpeg_blocks(container, stream, context.sample_rate, context.channels)
    # encoders pad and prime by a few codec frames of up to 2048 samples
    slack = max(context.sample_rate // 10, 4096)
    return AudioStream(context.sample_rate, context.channels, frames, blocks, slack)


def _ffmpeg_frames(container: Any, stream: Any, rate: int) -> int | None:
    timed = not TIMED.isdisjoint(container.format.name.split(","))
    if timed and stream.duration is not None and stream.time_base is not None:
        return int(stream.duration * stream.time_base * rate)
    if timed and container.duration is not None:
        return int(container.duration / 1_000_000 * rate)  # in microseconds
    return None


def _ffmpeg_blocks(
    container: Any, stream: Any, rate: int, channels: int
) -> Iterator[NDArray[np.float32]]:
    import av

    resampler = av.AudioResampler(format="fltp")
    pending: list[NDArray[np.float32]] = []
    try:
        for frame in container.decode(stream):
            if (frame.sample_rate, frame.layout.nb_channels) != (rate, channels):
                raise DamagedError(f"its stream stops being {rate} Hz with {channels} channels")
            for part in resampler.resample(frame):
                pending.append(np.asarray(part.to_ndarray(), dtype=np.float32).T)
            if sum(map(np.size, pending)) >= BLOCK:
                yield np.concatenate(pending)
                pending.clear()
    except av.FFmpegError as error:
        raise DamagedError(_reason(error)) from error
    if pending:
        yield np.concatenate(pending)


def _reason(error: Any) -> str:
    return str(error.strerror or error).lower()
