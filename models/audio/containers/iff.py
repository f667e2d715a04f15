"""AIFF, Sun AU, Core Audio and NIST SPHERE: headers that say how many bytes of samples follow.

As with WAV, a size may be unknown; what is there is then all there is, and the file is handed on
with the right sizes.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

from models.audio.containers.part import (
    AudioPart,
    TruncatedError,
    UnreadableError,
    Walk,
    is_unknown,
    too_few_bytes,
)

# bytes of a sample by AIFF-C's compression type; None: as many as its bits need
AIFF_BYTES = {b"NONE": None, b"twos": None, b"sowt": None, b"raw ": None, b"in24": 3, b"in32": 4}
AIFF_BYTES |= {b"fl32": 4, b"FL32": 4, b"fl64": 8, b"FL64": 8}
AIFF_BYTES |= dict.fromkeys((b"ulaw", b"ULAW", b"alaw", b"ALAW"), 1)
# how another file begins, behind samples of unknown length
AIFF_START = re.compile(rb"FORM....AIF[FC]", re.DOTALL)
AU_START = re.compile(rb"\.snd\x00\x00..|dns\...\x00\x00", re.DOTALL)
CAF_START = re.compile(rb"caff\x00\x01..desc", re.DOTALL)
AU_BYTES = {1: 1, 2: 1, 3: 2, 4: 3, 5: 4, 6: 4, 7: 8, 27: 1}  # by AU's encoding


def walk_aiff(data: bytes) -> Walk:
    """The recording of an AIFF or AIFF-C file. Raises TruncatedError and UnreadableError."""
    common = samples = None
    position = end = 12
    while position + 8 <= len(data) and data[position : position + 4] != b"FORM":
        name, size = struct.unpack_from(">4sI", data, position)
        body = position + 8
        if name == b"COMM":
            common = position
        if name == b"SSND":
            size = _known(data, body, size, AIFF_START, empty=8)
            samples = (position, size)
        elif not name.isascii() or (name != b"COMM" and body + size > len(data)):
            break
        position = end = min(body + size + size % 2, len(data))
    if common is None or samples is None:
        raise TruncatedError("its header or its samples are missing")
    return Walk((_aiff_part(data[:end], common, *samples),), end)


def _aiff_part(data: bytes, common: int, start: int, size: int) -> AudioPart:
    """The file with the sizes that it has."""
    channels, frames, bits = struct.unpack_from(">hIh", data, common + 8)
    rate = _extended(data[common + 16 : common + 26])
    kind = data[common + 26 : common + 30] if data[8:12] == b"AIFC" else b"NONE"
    of_sample = AIFF_BYTES.get(kind, 0)
    block = channels * (-(-bits // 8) if of_sample is None else of_sample)
    if not block or rate <= 0:
        return AudioPart(data, "aiff", True)
    counted = max(size - 8, 0) // block
    if (frames, size) != (counted, struct.unpack_from(">I", data, start + 4)[0]):
        patched = bytearray(data)
        struct.pack_into(">I", patched, 4, len(data) - 8)
        struct.pack_into(">I", patched, common + 10, counted)
        struct.pack_into(">I", patched, start + 4, size)
        data = bytes(patched)
    return AudioPart(data, "aiff", True, counted / rate)


def _extended(number: bytes) -> float:
    """An 80-bit float, in which AIFF gives its sample rate."""
    exponent, mantissa = struct.unpack(">HQ", number.ljust(10, b"\0"))
    return float(mantissa * 2.0 ** ((exponent & 0x7FFF) - 16_383 - 63))


def walk_au(data: bytes) -> Walk:
    """The recording of a Sun AU file, in either byte order. Raises TruncatedError."""
    order = ">" if data[:1] == b"." else "<"
    if len(data) < 24:
        raise TruncatedError("its header is cut")
    start, size, encoding, rate, channels = struct.unpack_from(f"{order}5I", data, 4)
    length = _known(data, start, size, AU_START)
    if length != size:
        data = data[:8] + struct.pack(f"{order}I", length) + data[12:]
    block = AU_BYTES.get(encoding, 0) * channels
    seconds = length // block / rate if block and rate else None
    return Walk((AudioPart(data[: start + length], "au", True, seconds),), start + length)


def walk_caf(data: bytes) -> Walk:
    """The recording of a Core Audio file. Raises TruncatedError and UnreadableError."""
    rate = packet = frames = valid = 0
    for name, position, size in _caf_chunks(data):
        if name == b"desc" and len(data) >= position + 44:
            rate, packet, frames = struct.unpack_from(">d8xII", data, position + 12)
        elif name == b"pakt" and len(data) >= position + 28:
            valid = struct.unpack_from(">q", data, position + 20)[0]
        elif name == b"data":
            body = position + 12
            length = _known(data, body, size % 2**64, CAF_START, empty=4)
            end = _after_caf_chunks(data, body + length)
            valid = valid or _valid_frames(data, body + length, end)
            if length != size:
                data = data[: position + 4] + struct.pack(">q", length) + data[body:]
            counted = max(length - 4, 0) // packet * frames if packet else valid
            seconds = counted / rate if counted and rate > 0 else None
            slack = 0.0 if packet else 2 * frames / max(rate, 1.0)  # FFmpeg may drop padding twice
            return Walk((AudioPart(data[:end], "caf", True, seconds, slack),), end)
    raise TruncatedError("its samples are missing")


def _caf_chunks(data: bytes, position: int = 8) -> Iterator[tuple[bytes, int, int]]:
    while position + 12 <= len(data):
        name, size = struct.unpack_from(">4sq", data, position)
        yield name, position, size
        position += 12 + max(size, 0)


def _after_caf_chunks(data: bytes, position: int) -> int:
    for name, start, size in _caf_chunks(data, position):
        fits = 0 <= size <= len(data) - start - 12
        if not fits or not name.isascii() or name[:1] == b"\0" or name == b"caff":
            return start
        if name == b"data":
            raise UnreadableError("a CAF file whose samples are in several pieces")
        position = start + 12 + size
    return min(position, len(data))


def _valid_frames(data: bytes, position: int, end: int) -> int:
    """Frames without padding, from a packet table behind the samples."""
    for name, start, _ in _caf_chunks(data[:end], position):
        if name == b"pakt" and start + 28 <= end:
            return int(struct.unpack_from(">q", data, start + 20)[0])
    return 0


def walk_nist(data: bytes) -> Walk:
    """The recording of a NIST SPHERE file. Raises TruncatedError and UnreadableError."""
    lines = data[:1024].decode("latin-1").splitlines()
    if len(lines) < 2 or not lines[1].strip().isdecimal():
        raise UnreadableError("a SPHERE file without the size of its header")
    start = int(lines[1])
    fields = dict(re.findall(r"^(\w+) -i (\d+)", data[:start].decode("latin-1"), re.MULTILINE))
    count, width = int(fields.get("sample_count", 0)), int(fields.get("sample_n_bytes", 0))
    rate = int(fields.get("sample_rate", 0))
    end = start + count * width * int(fields.get("channel_count", 1))
    if not (count and width and rate):
        raise UnreadableError("a SPHERE file that does not say its length")
    if end > len(data):
        raise too_few_bytes(end, len(data))
    return Walk((AudioPart(data[:end], "nistsphere", True, count / rate),), end)


def _known(data: bytes, body: int, size: int, start: re.Pattern[bytes], *, empty: int = 0) -> int:
    """Bytes of samples from `body` on: the size as written, or all up to the `start` of a file.

    A file that was never finished has no size, or that of the `empty` bytes before the samples.
    """
    if is_unknown(size) or size <= empty:
        another = start.search(data, body)
        return (another.start() if another else max(len(data), body)) - body
    if body + size > len(data):
        raise too_few_bytes(body + size, len(data))
    return size
