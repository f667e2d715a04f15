"""A rendition as a WAV file of one channel that a browser reads by range, exact to the sample."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

from monitoring.console.media.rendition import Rendition

HEADER = 44  # bytes
CHUNK = 2**15  # samples handed out at once
PATIENCE_S = 30.0  # for samples that are still being decoded
_RANGE = re.compile(r"bytes=(\d*)-(\d*)", re.ASCII)


def wave_size(rendition: Rendition) -> int:
    """Bytes of the whole file."""
    return HEADER + 2 * (rendition.frames or 0)


def wanted(header: str | None, size: int) -> tuple[int, int] | None:
    """The bytes start:stop of a Range header, all without one; None if it cannot be satisfied.

    A header of several ranges, or of another unit, is ignored, as RFC 9110 allows.
    """
    match = _RANGE.fullmatch((header or "").strip())
    if match is None or match.groups() == ("", ""):
        return 0, size
    first, last = match.groups()
    if not first:  # the last so many bytes
        start, stop = max(size - int(last), 0), size
    else:
        start, stop = int(first), min(int(last) + 1, size) if last else size
    return (start, stop) if start < stop else None


def wave_bytes(rendition: Rendition, channel: str, start: int, stop: int) -> Iterator[bytes]:
    """The bytes start:stop; ends early where the recording cannot be decoded so far."""
    if start < HEADER:
        yield _wave_header(rendition)[start : min(stop, HEADER)]
    position, stop = max(start, HEADER) - HEADER, stop - HEADER
    while position < stop:
        first = position // 2
        last = min(first + CHUNK, -(-stop // 2))
        if not rendition.wait(last, PATIENCE_S):
            return
        data = rendition.sound(first, last, channel).tobytes()
        yield data[position - 2 * first : stop - 2 * first]
        position = 2 * last


def _wave_header(rendition: Rendition) -> bytes:
    size, rate = 2 * (rendition.frames or 0), rendition.rate
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate, 2 * rate, 2, 16)
    riff = struct.pack("<4sI4s", b"RIFF", min(36 + size, 0xFFFF_FFFF), b"WAVE")
    return riff + form + struct.pack("<4sI", b"data", min(size, 0xFFFF_FFFF))
