"""Whether an audio file is complete, from its container alone.

libsndfile reads a WAV, W64, AIFF, AU, CAF or Ogg file whose end is missing without a word; a clip
cut short is another utterance, so the missing end is noticed here. FLAC and MP3 show it while
decoding.
"""

from __future__ import annotations

import struct

STREAMED = 0x7FFF_F000  # writers that cannot go back leave a size at or above this, or 0
OGG_PAGE_HEADER = 27  # bytes, before the table of segment sizes (RFC 3533, section 6)
OGG_LAST_PAGE = 0x04  # flag of a logical stream's last page


def missing_end(data: bytes) -> str | None:
    """What is missing at the end of a file, as a clause; None if the file looks complete."""
    magic, kind = data[:4], data[8:12]
    if magic in (b"RIFF", b"RF64") and kind == b"WAVE":
        return _missing_bytes(data, _wav_end(data))
    if magic == b"FORM" and kind in (b"AIFF", b"AIFC"):
        return _missing_bytes(data, _aiff_end(data))
    if magic == b"riff":
        return _missing_bytes(data, _w64_end(data))
    if magic == b"caff":
        return _missing_bytes(data, _caf_end(data))
    if magic == b".snd":
        return _missing_bytes(data, _au_end(data))
    return _missing_pages(data) if magic == b"OggS" else None


def _missing_bytes(data: bytes, end: int | None) -> str | None:
    if end is None or end <= len(data):
        return None
    return f"its header announces {end} bytes, {len(data)} are there"


def _wav_end(data: bytes) -> int | None:
    """Where the samples of a WAV or RF64 file should end, in bytes."""
    position, long_size = 12, None
    while position + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, position)
        body = position + 8
        if name == b"ds64" and body + 16 <= len(data):
            long_size = struct.unpack_from("<Q", data, body + 8)[0]
        if name == b"data":
            return _end(body, long_size if size == 0xFFFF_FFFF and long_size else size)
        position = body + size + size % 2  # chunks start on even bytes
    return None


def _aiff_end(data: bytes) -> int | None:
    """Where the samples of an AIFF file should end, in bytes."""
    position = 12
    while position + 8 <= len(data):
        name, size = struct.unpack_from(">4sI", data, position)
        if name == b"SSND":
            return _end(position + 8, size)
        position += 8 + size + size % 2
    return None


def _w64_end(data: bytes) -> int | None:
    """Where a Sony Wave64 file should end: its size stands after the 16 bytes that name it."""
    return int(struct.unpack_from("<Q", data, 16)[0]) if len(data) >= 24 else None


def _caf_end(data: bytes) -> int | None:
    """Where the samples of a Core Audio file should end, in bytes."""
    position = 8
    while position + 12 <= len(data):
        name, size = struct.unpack_from(">4sq", data, position)
        if name == b"data":
            return position + 12 + size if size > 0 else None  # -1: to the end of the file
        position += 12 + max(size, 0)
    return None


def _au_end(data: bytes) -> int | None:
    """Where the samples of a Sun AU file should end, in bytes."""
    if len(data) < 12:
        return None
    start, size = struct.unpack_from(">II", data, 4)
    return _end(start, size)


def _end(start: int, size: int) -> int | None:
    streamed = size == 0 or STREAMED <= size <= 0xFFFF_FFFF
    return None if streamed else start + size


def _missing_pages(data: bytes) -> str | None:
    """Walk the pages of an Ogg file: the last one must be whole and say that it is the last."""
    position, flags = 0, 0
    while data[position : position + 4] == b"OggS":
        segments = position + OGG_PAGE_HEADER
        if segments > len(data):
            return "its last Ogg page is cut"
        flags = data[position + 5]
        count = data[segments - 1]
        sizes = data[segments : segments + count]
        position = segments + count + sum(sizes)
        if len(sizes) < count or position > len(data):
            return "its last Ogg page is cut"
    return None if flags & OGG_LAST_PAGE else "its last Ogg page is missing"
