"""Titles, pictures and padding around audio: ID3, APE, Lyrics3 and zeros. None of it is audio."""

from __future__ import annotations

import struct

APE = b"APETAGEX"
LYRICS_ENDS = (b"LYRICS200", b"LYRICSEND")
LONGEST_LYRICS = 2**20


def after_tags(data: bytes, position: int = 0) -> int:
    """Where the tags and zeros end that begin at a position; the position if there are none."""
    while (end := _after_one(data, position)) > position:
        position = min(end, len(data))
    return position


def before_tags(data: bytes) -> int:
    """Where the tags begin that stand at the end of a file, for audio that cannot be walked."""
    end = len(data)
    while (start := _before_one(data, end)) < end:
        end = max(start, 0)
    return end


def _after_one(data: bytes, position: int) -> int:
    magic = data[position : position + 11]
    if magic[:3] == b"ID3" and len(data) >= position + 10:
        return position + _id3_size(data, position)
    if magic[:4] == b"TAG+":
        return position + 227
    if magic[:3] == b"TAG":
        return position + 128
    if magic[:8] == APE and len(data) >= position + 32:
        size, _, flags = struct.unpack_from("<III", data, position + 12)
        return position + 32 + (size if flags & 2**29 else 0)  # a footer ends what it names
    if magic == b"LYRICSBEGIN":
        ends = [data.find(end, position, position + LONGEST_LYRICS) for end in LYRICS_ENDS]
        return max(ends) + 9 if max(ends) > 0 else position
    return _after_zeros(data, position) if magic[:8] == bytes(8) else position


def _after_zeros(data: bytes, position: int) -> int:
    """Where zeros end, but for those that begin the size of the first box of an MP4 file."""
    end = len(data) - len(data[position:].lstrip(b"\0"))
    sizes = (start for start in range(end - 3, end) if data[start + 4 : start + 8] == b"ftyp")
    return next(sizes, end)


def _before_one(data: bytes, end: int) -> int:
    if data[max(end - 128, 0) : end].startswith(b"TAG") and end >= 128:
        start = end - 128
        return start - 227 if data[start - 227 : start].startswith(b"TAG+") else start
    footer = data[max(end - 32, 0) : end]
    if footer[:8] == APE and len(footer) == 32:
        size, _, flags = struct.unpack_from("<III", footer, 12)
        return end - int(size) - (32 if flags & 2**31 else 0)
    if footer[-10:-7] == b"3DI":
        return end - _id3_size(footer, len(footer) - 10)
    if footer[-9:] == b"LYRICS200" and footer[-15:-9].isdigit():
        return end - 15 - int(footer[-15:-9])
    if footer[-9:] == b"LYRICSEND":
        start = data.rfind(b"LYRICSBEGIN", max(end - LONGEST_LYRICS, 0), end)
        return start if start >= 0 else end
    return end  # zeros are left: a frame may end in one


def _id3_size(data: bytes, position: int) -> int:
    """Bytes of an ID3v2 tag with header and footer; its size is four times seven bits."""
    flags = data[position + 5]
    size = 0
    for byte in data[position + 6 : position + 10]:
        size = size << 7 | byte & 0x7F
    return size + (20 if flags & 0x10 else 10)
