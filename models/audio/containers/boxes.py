"""MP4, Matroska and ASF: nested boxes, each with its size. The last one must be whole.

A second header in a file is a second recording, which players do not reach.
"""

from __future__ import annotations

import struct

from models.audio.containers.part import AudioPart, TruncatedError, Walk, too_few_bytes
from models.audio.containers.tags import after_tags

MP4_FIRST = {b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot", b"styp"}
EBML = bytes.fromhex("1a45dfa3")
SEGMENT, CLUSTER = 0x18538067, 0x1F43B675
ASF_HEADER = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
ASF_DATA = bytes.fromhex("3626b2758e66cf11a6d900aa0062ce6c")
ASF_EMPTY = 50  # bytes of a data object without packets
UNKNOWN = -1


def walk_mp4(data: bytes) -> Walk:
    """The recording of an MP4 or QuickTime file, in fragments or not. Raises TruncatedError."""
    position = 0
    names: set[bytes] = set()
    while position + 8 <= len(data) and after_tags(data, position) == position:
        size, name = struct.unpack_from(">I4s", data, position)
        if size == 1 and position + 16 <= len(data):
            size = struct.unpack_from(">Q", data, position + 8)[0]
        if not _is_box(name) or (size < 8 and size != 0):
            break
        if name == b"ftyp" and names & {b"moov", b"mdat", b"moof"}:
            break  # another file
        if name == b"moov" and b"moov" in names:
            break
        names.add(name)
        if size and position + size > len(data):
            raise too_few_bytes(position + size, len(data))
        position = position + size if size else len(data)  # 0: to the end of the file
    return Walk((AudioPart(data[:position], "mov"),), position)


def _is_box(name: bytes) -> bool:
    return all(0x20 <= letter < 0x7F or letter == 0xA9 for letter in name)


def walk_matroska(data: bytes) -> Walk:
    """The recording of a Matroska or WebM file. Raises TruncatedError where an element is cut.

    A live recording has a segment and clusters of unknown size, so these are looked into.
    """
    position = 0
    while position < len(data) and after_tags(data, position) == position:
        name, body = _number(data, position, keep_marker=True)
        if not name or (position and data.startswith(EBML, position)):
            break
        size, body = _number(data, body)
        is_outer = name in (SEGMENT, CLUSTER)
        if size is None or (size == UNKNOWN and not is_outer):
            raise TruncatedError("its last element is cut")
        if size != UNKNOWN and body + size > len(data):
            raise too_few_bytes(body + size, len(data))
        position = body if is_outer else body + size
    return Walk((AudioPart(data[:position], "matroska"),), position)


def _number(data: bytes, position: int, *, keep_marker: bool = False) -> tuple[int | None, int]:
    """An EBML number, and where it ends; None where it is cut or none."""
    first = data[position] if position < len(data) else 0
    length = 9 - first.bit_length()
    if not first or position + length > len(data):
        return None, position
    number = int.from_bytes(data[position : position + length], "big")
    if keep_marker:
        return number, position + length
    number -= 1 << 7 * length
    return UNKNOWN if number == (1 << 7 * length) - 1 else number, position + length


def walk_asf(data: bytes) -> Walk:
    """The recording of an ASF (WMA) file. Raises TruncatedError."""
    position = 0
    while position + 24 <= len(data) and after_tags(data, position) == position:
        name = data[position : position + 16]
        size = int.from_bytes(data[position + 16 : position + 24], "little")
        if position and name == ASF_HEADER:
            break  # another file
        if name == ASF_DATA and size <= ASF_EMPTY:  # a broadcast does not know its size
            position = len(data)
            break
        if size < 24:
            break
        if position + size > len(data):
            raise too_few_bytes(position + size, len(data))
        position += size
    return Walk((AudioPart(data[:position], "asf"),), position)
