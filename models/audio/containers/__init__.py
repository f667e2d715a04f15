"""The recordings in a file, by what its bytes say: each whole, or the file is refused.

An utterance is heard whole or not at all. A decoder stops where a header tells it to, skips what
is damaged and knows nothing of a second file behind the first; so the structure of a file is
walked here, to its last byte, before anything is decoded.
"""

from __future__ import annotations

from collections.abc import Callable

from models.audio.containers.blocks import (
    AMR,
    AMR_WB,
    is_ac3,
    walk_ac3,
    walk_amr,
    walk_ape,
    walk_flac,
    walk_tta,
    walk_wavpack,
)
from models.audio.containers.boxes import (
    ASF_HEADER,
    EBML,
    MP4_FIRST,
    walk_asf,
    walk_matroska,
    walk_mp4,
)
from models.audio.containers.headerless import headerless_part, is_something_else
from models.audio.containers.iff import walk_aiff, walk_au, walk_caf, walk_nist
from models.audio.containers.mpeg import is_mpeg, walk_mpeg
from models.audio.containers.ogg import walk_ogg
from models.audio.containers.part import AudioPart, DamagedError, UnreadableError, Walk
from models.audio.containers.riff import is_wave, walk_wave
from models.audio.containers.tags import after_tags

JUNK = 256  # bytes behind a recording that may be anything: no codec says a word in as few
WINDOW = 2**14  # bytes in which the start of a recording shows
LEADING_JUNK = 4096  # bytes before MPEG audio: the rest of a frame of a broadcast

MAGICS: dict[bytes, Callable[[bytes], Walk]] = {
    b"OggS": walk_ogg,
    b"fLaC": walk_flac,
    b".snd": walk_au,
    b"dns.": walk_au,
    b"caff": walk_caf,
    b"NIST_1A": walk_nist,
    AMR: walk_amr,
    AMR_WB: walk_amr,
    EBML: walk_matroska,
    ASF_HEADER: walk_asf,
    b"wvpk": walk_wavpack,
    b"TTA1": walk_tta,
    b"MAC ": walk_ape,
}


def parts_of(data: bytes, suffix: str = "") -> tuple[AudioPart, ...]:
    """The recordings of a file; `suffix` names the format of bytes that say nothing themselves.

    Raises UnreadableError where the bytes are no audio, DamagedError where some of it is missing.
    """
    start = after_tags(data)
    walk = _walk_of(data[start:])
    if walk is None and (raw := headerless_part(data, suffix)):
        return (raw,)
    if walk is None:
        start = _after_junk(data, start)
        walk = walk_mpeg
    return _walk_all(data[start:], walk)


def is_recognised(head: bytes) -> bool:
    """Whether the first bytes of a file say what it is, audio or not."""
    return _walk_of(head[after_tags(head) :]) is not None or is_something_else(head)


def _walk_all(data: bytes, walk: Callable[[bytes], Walk] | None) -> tuple[AudioPart, ...]:
    """The recordings one behind the other, until nothing is left that could be heard."""
    parts: list[AudioPart] = []
    position = 0
    while walk is not None:
        walked = walk(data[position:])
        if not walked.end:
            raise DamagedError(f"nothing that can be read at byte {position}")
        parts += walked.parts
        position = _next_start(data, position + walked.end)
        walk = _walk_of(data[position:])
    rest = data[position:].rstrip(b"\0")
    if len(rest) > JUNK and not _is_text(rest):
        raise DamagedError(f"{len(rest)} bytes from byte {position} on are no audio that is known")
    return tuple(parts)


def _next_start(data: bytes, end: int) -> int:
    """Where another recording begins behind one, or where the tags end that follow it."""
    end = after_tags(data, end)
    for junk in range(min(JUNK, len(data) - end)):
        start = after_tags(data, end + junk)
        if _walk_of(data[start : start + WINDOW]) is not None:
            return start
    return end


def _walk_of(data: bytes) -> Callable[[bytes], Walk] | None:
    """The walk over the format that begins here; None if none does."""
    if is_wave(data):
        return lambda wave: walk_wave(wave, _inner)
    for magic, walk in MAGICS.items():
        if data.startswith(magic):
            return walk
    if data[:4] == b"FORM" and data[8:12] in (b"AIFF", b"AIFC"):
        return walk_aiff
    if data[4:8] in MP4_FIRST:
        return walk_mp4
    if is_mpeg(data):
        return walk_mpeg
    return walk_ac3 if is_ac3(data) else None


def _inner(samples: bytes) -> tuple[AudioPart, ...]:
    """The parts of a stream that lies in a WAV file, where it has headers of its own."""
    start = after_tags(samples)
    walk = _walk_of(samples[start:])
    return _walk_all(samples[start:], walk) if walk else ()


def _after_junk(data: bytes, start: int) -> int:
    """Where MPEG audio begins behind the rest of a frame. Raises UnreadableError."""
    position = data.find(b"\xff", start, start + LEADING_JUNK)
    while position >= 0:
        if is_mpeg(data, position):
            return position
        position = data.find(b"\xff", position + 1, start + LEADING_JUNK)
    raise UnreadableError("no format that is known")


def _is_text(data: bytes) -> bool:
    return all(letter >= 0x20 or letter in b"\t\r\n" for letter in data[:4096])
