"""AMR, AC-3, WavPack, TTA, Monkey's Audio and FLAC: streams of blocks without a box around them."""

from __future__ import annotations

import struct
from collections.abc import Callable
from itertools import pairwise

from models.audio.containers.part import (
    AudioPart,
    TruncatedError,
    UnreadableError,
    Walk,
    too_few_bytes,
)
from models.audio.containers.tags import before_tags

AMR, AMR_WB = b"#!AMR\n", b"#!AMR-WB\n"
# bytes of a frame of 20 ms by its type; 0: reserved
AMR_SIZES = (13, 14, 16, 18, 20, 21, 27, 32, 6, 0, 0, 0, 0, 0, 1, 1)
AMR_WB_SIZES = (18, 24, 33, 37, 41, 47, 51, 59, 61, 6, 0, 0, 0, 0, 1, 1)
AC3_RATES = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640)
WV_INITIAL = 0x800  # flag of the first of several blocks for the same time
FLAC_START = b"fLaC\x00\x00\x00\x22"  # with the STREAMINFO that must follow


def walk_amr(data: bytes) -> Walk:
    """The recording of an AMR file. Raises TruncatedError."""
    magic, sizes = (AMR_WB, AMR_WB_SIZES) if data.startswith(AMR_WB) else (AMR, AMR_SIZES)
    is_wide = magic == AMR_WB

    def size_at(position: int) -> int:
        return 0 if data[position] & 0x83 else sizes[data[position] >> 3 & 0xF]

    end, count = _blocks(data, len(magic), size_at)
    seconds = count * 0.02
    return Walk((AudioPart(data[:end], "amr", False, seconds, 0.02 if is_wide else 0.0),), end)


def walk_ac3(data: bytes) -> Walk:
    """The recording of AC-3 or E-AC-3. Raises TruncatedError."""

    def size_at(position: int) -> int:
        return ac3_size(data, position)

    end, _ = _blocks(data, 0, size_at)
    return Walk((AudioPart(data[:end], "eac3" if data[5] >> 3 > 10 else "ac3"),), end)


def ac3_size(data: bytes, position: int) -> int:
    """Bytes of the AC-3 or E-AC-3 frame at a position; 0 if there is none."""
    header = data[position : position + 6]
    if len(header) < 6 or header[:2] != b"\x0b\x77":
        return 0
    if header[5] >> 3 > 10:
        return 2 * (((header[2] & 7) << 8 | header[3]) + 1)
    rate, code = header[4] >> 6, header[4] & 0x3F
    if rate == 3 or code // 2 >= len(AC3_RATES):
        return 0
    kilobits = AC3_RATES[code // 2]
    words = (kilobits * 2, kilobits * 96_000 // 44_100 + (code & 1), kilobits * 3)[rate]
    return 2 * words


def is_ac3(data: bytes) -> bool:
    """Whether two frames follow each other, or one is all there is."""
    size = ac3_size(data, 0)
    return size > 0 and (size == len(data) or ac3_size(data, size) > 0)


def walk_wavpack(data: bytes) -> Walk:
    """The recordings of a WavPack file, block by block. Raises TruncatedError."""
    starts: list[int] = []
    counted = expected = 0

    def size_at(position: int) -> int:
        nonlocal counted, expected
        if data[position : position + 4] != b"wvpk" or position + 32 > len(data):
            return 0
        size, total, index, samples, flags = struct.unpack_from("<I4x4I", data, position + 4)
        if flags & WV_INITIAL and index == 0 and samples:
            starts.append(position)
            expected += 0 if total == 0xFFFF_FFFF else total
        counted += samples if flags & WV_INITIAL else 0
        return int(size) + 8

    end, _ = _blocks(data, 0, size_at)
    if counted < expected:
        raise TruncatedError(f"its header announces {expected} samples, {counted} are there")
    edges = [0, *starts[1:], end]
    parts = (AudioPart(data[a:b], "wv") for a, b in pairwise(edges))
    return Walk(tuple(parts), end)


def _blocks(data: bytes, position: int, size_at: Callable[[int], int]) -> tuple[int, int]:
    """Where the blocks end that begin at a position, and how many they are."""
    count = 0
    while position < len(data) and (size := size_at(position)):
        if position + size > len(data):
            raise TruncatedError("its last frame is cut")
        position += size
        count += 1
    return position, count


def walk_tta(data: bytes) -> Walk:
    """The recording of a True Audio file. Raises TruncatedError."""
    if len(data) < 22:
        raise TruncatedError("its header is cut")
    rate, samples = struct.unpack_from("<II", data, 10)
    if not rate:
        raise UnreadableError("a TTA file without a sample rate")
    count = -(-samples // (256 * rate // 245))
    table = data[22 : 22 + 4 * count]
    end = 22 + 4 * count + 4
    if len(table) == 4 * count:
        end += sum(struct.unpack(f"<{count}I", table))
    if end > len(data):
        raise too_few_bytes(end, len(data))
    return Walk((AudioPart(data[:end], "tta", False, samples / rate),), end)


def walk_ape(data: bytes) -> Walk:
    """The recording of a Monkey's Audio file. Raises TruncatedError and UnreadableError."""
    if len(data) < 52 or int.from_bytes(data[4:6], "little") < 3_980:
        raise UnreadableError("a Monkey's Audio file older than version 3.98")
    sizes = struct.unpack_from("<7I", data, 8)  # descriptor, header, seek table, header of a WAV
    end = sum(sizes[:4]) + (sizes[5] << 32 | sizes[4]) + sizes[6]
    if end > len(data):
        raise too_few_bytes(end, len(data))
    return Walk((AudioPart(data[:end], "ape"),), end)


def walk_flac(data: bytes) -> Walk:
    """The recording of a FLAC file, up to another one or its tags; frames have no size to walk by.

    Raises TruncatedError where its header is cut.
    """
    if len(data) < 42:
        raise TruncatedError("its header is cut")
    end = data.find(FLAC_START, 4)
    end = end if end > 0 else before_tags(data)
    rate = int.from_bytes(data[18:21], "big") >> 4
    samples = int.from_bytes(data[21:26], "big") & 0xF_FFFF_FFFF
    seconds = samples / rate if samples and rate else None
    return Walk((AudioPart(data[:end], "flac", False, seconds, rate=rate, gapless=True),), end)
