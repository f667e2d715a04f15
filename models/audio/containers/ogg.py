"""Ogg: pages, the logical streams in them, and the chains of streams one behind the other.

A decoder drops a page whose checksum is wrong, or that is missing, without a word; so pages are
checked here (RFC 3533). The flag of the last page is not required: call recorders and phones often
leave it out, and a page that is whole ends in a packet that is whole.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from models.audio.containers.part import (
    AudioPart,
    DamagedError,
    TruncatedError,
    UnreadableError,
    Walk,
)

HEADER = 27  # bytes, before the table of segment sizes
CONTINUED, FIRST, LAST = 0x01, 0x02, 0x04
CODECS = (b"\x01vorbis", b"OpusHead", b"\x7fFLAC", b"Speex   ", b"PCM     ", b"CELT    ")
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


@dataclass(frozen=True)
class _Page:
    flags: int
    granule: int
    serial: int
    number: int
    body: int  # where its packets begin
    end: int
    goes_on: bool  # its last packet continues on the next page


@dataclass
class _Stream:
    """A logical stream as far as it was walked."""

    is_audio: bool
    number: int = -1
    goes_on: bool = False
    ended: bool = False
    headers: bool = True  # no page with samples yet


def walk_ogg(data: bytes) -> Walk:
    """The recordings of an Ogg file, one a chain.

    Raises DamagedError, TruncatedError and UnreadableError.
    """
    parts: list[AudioPart] = []
    start = position = 0
    streams: dict[int, _Stream] = {}
    while data[position : position + 4] == b"OggS":
        page = _page(data, position)
        if page.flags & FIRST and any(not stream.headers for stream in streams.values()):
            parts.append(_part(data[start:position], streams))
            start, streams = position, {}
        _follow(data, page, streams)
        position = page.end
    parts.append(_part(data[start:position], streams))
    return Walk(tuple(parts), position)


def _page(data: bytes, position: int) -> _Page:
    body = position + HEADER
    count = data[body - 1] if body <= len(data) else 0
    sizes = data[body : body + count]
    end = body + count + sum(sizes)
    if body > len(data) or len(sizes) < count or end > len(data):
        raise TruncatedError("its last Ogg page is cut")
    header = data[position : position + 22] + bytes(4) + data[position + 26 : body]
    expected = int.from_bytes(data[position + 22 : position + 26], "little")
    if _checksum(header + data[body:end]) != expected:
        raise DamagedError(f"the Ogg page at byte {position} has another checksum than it says")

    def number(at: int, size: int) -> int:
        return int.from_bytes(data[position + at : position + at + size], "little")

    goes_on = bool(sizes) and sizes[-1] == 255
    return _Page(
        data[position + 5], number(6, 8), number(14, 4), number(18, 4), body + count, end, goes_on
    )


def _checksum(page: bytes) -> int:
    """CRC-32 with the polynomial 0x04C11DB7, highest bit first and from zero, by zlib's."""
    mirrored = zlib.crc32(page.translate(_REVERSED), 0xFFFF_FFFF) ^ 0xFFFF_FFFF
    return int(f"{mirrored:032b}"[::-1], 2)


def _follow(data: bytes, page: _Page, streams: dict[int, _Stream]) -> None:
    if page.flags & FIRST:
        is_audio = data.startswith(CODECS, page.body)
        streams[page.serial] = _Stream(is_audio)
    stream = streams.get(page.serial)
    if stream is None:
        raise DamagedError("an Ogg stream without its first page")
    lost = stream.number >= 0 and page.number != (stream.number + 1) % 2**32
    begins = stream.headers  # who joins a broadcast late has its headers, then pages from later on
    if lost and not begins:
        missing = f"pages {stream.number + 1} to {page.number - 1} are missing"
        raise DamagedError(f"of its Ogg stream {missing}")
    stream.headers = stream.headers and page.granule in (0, 2**64 - 1)
    stream.number, stream.goes_on = page.number, page.goes_on
    stream.ended = bool(page.flags & LAST)


def _part(data: bytes, streams: dict[int, _Stream]) -> AudioPart:
    audio = [stream for stream in streams.values() if stream.is_audio]
    if len(audio) != 1:
        raise UnreadableError(f"one audio stream in its Ogg file expected, found {len(audio)}")
    if audio[0].headers:
        raise TruncatedError("its last Ogg page is missing")
    if audio[0].goes_on and not audio[0].ended:
        raise TruncatedError("its last Ogg packet is cut")
    return AudioPart(data, "ogg")
