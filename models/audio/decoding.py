"""Audio bytes as blocks of samples: by libsndfile, or by FFmpeg for formats it cannot read.

Both sides hand out what the header says before a sample is decoded, then blocks of bounded size,
so that a caller can stop where a header lied.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.audio.containers import is_recognised
from models.audio.containers.headerless import HEADERLESS
from models.audio.containers.part import AudioPart, DamagedError, UnreadableError

BLOCK = 2**20  # samples of all channels together that are decoded at once: 4 MiB as float32
HEAD = 2**16  # bytes in which the kind of a file shows
# Closed, because FFmpeg's playlist formats (hls, concat) open other files and addresses.
DEMUXERS = "mov,matroska,asf,aac,amr,wav,ogg,flac,mp3,caf,ac3,eac3,ape,tta,wv,aiff,au"
TIMED = frozenset({"mov"})  # whose duration is a statement, not an estimate from the bit rate


@dataclass(frozen=True)
class AudioStream:
    """The fields of the header, and the samples as blocks (frames, channels) of float32."""

    rate: int  # Hz
    channels: int
    frames: int | None  # that should come; None: nothing says it
    blocks: Iterator[NDArray[np.float32]]
    slack: int = 0  # frames that may be missing without the file being cut


@contextmanager
def open_stream(part: AudioPart) -> Iterator[AudioStream]:
    """Open one recording.

    Raises UnreadableError where the bytes are not audio, and DamagedError, also while blocks are
    taken, where decoding fails.
    """
    with ExitStack() as stack:
        stream = _open_sndfile(part, stack) if part.sndfile else None
        yield stream or _open_ffmpeg(part, stack)


def header_rate(path: Path) -> int | None:
    """The sample rate in Hz from the header of a file; None if there is none."""
    import av
    import soundfile

    with path.open("rb") as stream:
        head = stream.read(HEAD)
    if path.suffix.lower() in HEADERLESS and not is_recognised(head):
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


def _open_sndfile(part: AudioPart, stack: ExitStack) -> AudioStream | None:
    """libsndfile's view of a recording; None where it cannot read it."""
    import soundfile

    try:
        file = stack.enter_context(soundfile.SoundFile(io.BytesIO(part.data)))
    except soundfile.LibsndfileError:
        return None
    frames = max(int(file.frames), _expected(part, file.samplerate) or 0)
    slack = round(part.slack_s * file.samplerate)
    return AudioStream(file.samplerate, file.channels, frames, _sndfile_blocks(file), slack)


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


def _open_ffmpeg(part: AudioPart, stack: ExitStack) -> AudioStream:
    import av

    try:
        container = stack.enter_context(
            av.open(
                io.BytesIO(part.data),
                mode="r",
                format=part.demuxer,
                options=dict(part.options),
                metadata_errors="replace",  # a title in another encoding spoils no audio
            )
        )
    except av.FFmpegError as error:
        raise UnreadableError(_reason(error)) from error
    if len(container.streams.audio) != 1:
        number = len(container.streams.audio) or "no"
        raise UnreadableError(f"one audio stream expected, {number} in it")
    stream = container.streams.audio[0]
    if stream.codec_context is None:
        raise UnreadableError("no codec known for its audio stream")
    frames = _ffmpeg_frames(container, stream, part)
    first = next(frames, None)  # headers of AAC know neither rate nor channels
    if first is None:
        raise DamagedError("no audio in it could be decoded")
    rate, channels = first.sample_rate, first.layout.nb_channels
    if part.rate not in (None, rate):
        raise DamagedError(f"its header says {part.rate} Hz, its frames {rate} Hz")
    expected = _expected(part, rate)
    slack = round(part.slack_s * rate)
    if expected is None:
        # encoders pad and prime by a few codec frames of up to 2048 samples
        expected, slack = _timed_frames(container, stream, rate), max(rate // 10, 4096)
    blocks = _ffmpeg_blocks(chain([first], frames), rate, channels)
    return AudioStream(rate, channels, expected, blocks, slack)


def _expected(part: AudioPart, rate: int) -> int | None:
    return None if part.seconds is None else round(part.seconds * rate)


def _timed_frames(container: Any, stream: Any, rate: int) -> int | None:
    timed = not TIMED.isdisjoint(container.format.name.split(","))
    if not timed or stream.duration is None or stream.time_base is None:
        return None
    return int(stream.duration * stream.time_base * rate)


def _ffmpeg_frames(container: Any, stream: Any, part: AudioPart) -> Iterator[Any]:
    """Decoded frames. Raises DamagedError where decoding fails or a frame is missing."""
    import av

    position = 0
    try:
        for frame in container.decode(stream):
            begins = frame.pts is not None and frame.time_base is not None
            if part.gapless and begins and frame.sample_rate:
                start = round(frame.pts * frame.time_base * frame.sample_rate)
                if start != position:
                    raise DamagedError(f"{abs(start - position)} samples are missing in it")
            position += frame.samples
            yield frame
    except av.FFmpegError as error:
        raise DamagedError(_reason(error)) from error


def _ffmpeg_blocks(
    frames: Iterator[Any], rate: int, channels: int
) -> Iterator[NDArray[np.float32]]:
    import av

    # packed: of eight planes PyAV 18 reads a ninth, and ends the process
    converter = av.AudioResampler(format="flt")
    pending: list[NDArray[np.float32]] = []
    for frame in frames:
        if (frame.sample_rate, frame.layout.nb_channels) != (rate, channels):
            raise DamagedError(f"its stream stops being {rate} Hz with {channels} channels")
        try:
            packed: list[Any] = [part.to_ndarray() for part in converter.resample(frame)]
        except (av.FFmpegError, ValueError) as error:
            raise DamagedError(_reason(error)) from error
        pending += [part.reshape(-1, channels) for part in packed]
        if sum(map(np.size, pending)) >= BLOCK:
            yield np.concatenate(pending)
            pending.clear()
    if pending:
        yield np.concatenate(pending)


def _reason(error: Any) -> str:
    return str(getattr(error, "strerror", None) or error).lower()
