"""MPEG audio (MP3 and its layers) and AAC in ADTS: frames, counted one by one.

The number of frames that a file gives is an estimate or belongs to the first of several files that
were joined, so that only the frames themselves say how much there is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from models.audio.containers.part import AudioPart, TruncatedError, Walk

_V1 = {
    1: (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    2: (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    3: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
}  # kbit/s by layer, of MPEG-1
_V2 = {
    1: (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    2: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    3: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}  # of MPEG-2 and 2.5
_RATES = (44_100, 48_000, 32_000)
_AAC_RATES: tuple[int, ...] = (
    96_000,
    88_200,
    64_000,
    48_000,
    44_100,
    32_000,
    24_000,
    22_050,
    16_000,
    12_000,
)
_AAC_RATES += (11_025, 8_000, 7_350)
LONGEST_HEADER = 7  # bytes
CHAIN = 3  # frames one behind the other that make bytes MPEG audio
DELAY = 4  # frames of encoder and decoder, which the header may tell to drop


@dataclass(frozen=True)
class _Frame:
    size: int  # bytes
    samples: int
    rate: int  # Hz
    channels: int
    kind: str  # the demuxer

    @property
    def seconds(self) -> float:
        """How long it sounds."""
        return self.samples / self.rate

    def continues(self, other: _Frame) -> bool:
        """Whether both can be of one recording."""
        return (self.rate, self.channels, self.kind) == (other.rate, other.channels, other.kind)


def is_mpeg(data: bytes, position: int = 0) -> bool:
    """Whether MPEG audio begins at a position: some frames, or fewer up to the end."""
    for count, (frame, at) in enumerate(_frames(data, position), start=1):
        if count == CHAIN or at + frame.size == len(data):
            return True
    return False


def walk_mpeg(data: bytes) -> Walk:
    """The recordings of MPEG audio, cut where one file was joined to another.

    Raises TruncatedError where the last frame is cut, or fewer are there than the header says.
    """
    parts: list[AudioPart] = []
    run = _Run(0)
    position = 0
    for frame, at in _frames(data, 0):
        info = _info_frames(data, at, frame)
        if run.frames and (info is not None or not frame.continues(run.last)):
            parts.append(run.part(data, at))
            run = _Run(at)
        if info is None:
            run.take(frame)
        else:
            run = _Run(at, info, last=frame)
        position = at + frame.size
    is_cut = _is_cut(data, position)
    if is_cut and run.frames != run.announced:
        raise TruncatedError("its last frame is cut")
    return Walk((*parts, run.part(data, position)), len(data) if is_cut else position)


class _Run:
    """Frames of one recording."""

    def __init__(self, start: int, announced: int = 0, last: _Frame | None = None) -> None:
        self.start, self.announced, self.frames, self.seconds = start, announced, 0, 0.0
        self.last = last or _Frame(0, 0, 1, 0, "")

    def take(self, frame: _Frame) -> None:
        """Count one more."""
        self.frames += 1
        self.seconds += frame.seconds
        self.last = frame

    def part(self, data: bytes, end: int) -> AudioPart:
        """The recording; raises TruncatedError where frames are missing."""
        if self.frames < self.announced:
            raise TruncatedError(
                f"its header announces {self.announced} frames, {self.frames} are there"
            )
        slack = DELAY * self.last.seconds
        return AudioPart(data[self.start : end], self.last.kind, False, self.seconds, slack)


def _is_cut(data: bytes, position: int) -> bool:
    """Whether the beginning of a frame stands at a position, and not its end."""
    if data[position : position + 1] == b"\xff" and len(data) - position < LONGEST_HEADER:
        return True
    frame = _frame(data, position)
    return frame is not None and position + frame.size > len(data)


def _frames(data: bytes, position: int) -> Iterator[tuple[_Frame, int]]:
    """Whole frames, and where each begins, until something else stands there."""
    while (frame := _frame(data, position)) and position + frame.size <= len(data):
        yield frame, position
        position += frame.size


def _frame(data: bytes, position: int) -> _Frame | None:
    """What the header of a frame says; None if there is none."""
    header = data[position : position + 7]
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return None
    return _layered(header) if header[1] & 0x06 else _adts(header)


def _layered(header: bytes) -> _Frame | None:
    version, layer = header[1] >> 3 & 3, 4 - (header[1] >> 1 & 3)
    bitrate, rate = header[2] >> 4, header[2] >> 2 & 3
    if version == 1 or bitrate in (0, 15) or rate == 3:  # 0: "free format", which FFmpeg lacks
        return None
    hertz = _RATES[rate] >> (0, 0, 1, 2)[{3: 0, 2: 2, 0: 3}[version]]
    bits = (_V1 if version == 3 else _V2)[layer][bitrate] * 1000
    padding = header[2] >> 1 & 1
    channels = 1 if header[3] >> 6 == 3 else 2
    if layer == 1:
        return _Frame((12 * bits // hertz + padding) * 4, 384, hertz, channels, "mp3")
    samples = 576 if layer == 3 and version != 3 else 1152
    return _Frame(samples // 8 * bits // hertz + padding, samples, hertz, channels, "mp3")


def _adts(header: bytes) -> _Frame | None:
    rate = header[2] >> 2 & 0xF
    if len(header) < 7 or header[1] & 0xF0 != 0xF0 or rate >= len(_AAC_RATES):
        return None
    size = (header[3] & 3) << 11 | header[4] << 3 | header[5] >> 5
    channels = (header[2] & 1) << 2 | header[3] >> 6
    blocks = (header[6] & 3) + 1
    return _Frame(size, 1024 * blocks, _AAC_RATES[rate], channels, "aac") if size >= 7 else None


def _info_frames(data: bytes, position: int, frame: _Frame) -> int | None:
    """Of a frame that describes the others, how many it says there are; None if it is audio."""
    if frame.kind != "mp3":
        return None
    half = frame.samples == 576
    side = (9 if half else 17) if frame.channels == 1 else (17 if half else 32)
    tag = position + 4 + side
    if data[tag : tag + 4] in (b"Xing", b"Info"):
        counted = data[tag + 7] & 1
        return int.from_bytes(data[tag + 8 : tag + 12], "big") if counted else 0
    vbri = position + 36
    if data[vbri : vbri + 4] == b"VBRI":
        return max(int.from_bytes(data[vbri + 14 : vbri + 18], "big") - 1, 0)  # or it counts itself
    return None
