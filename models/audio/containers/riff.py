"""WAV and its long forms: RIFF, RIFX, RF64, BW64 and Sony Wave64.

Whoever writes into a pipe, or is stopped, leaves sizes that are zero or nearly the largest number.
What is there is then all there is: such a file is handed on with the right sizes.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from models.audio.containers.part import (
    AudioPart,
    TruncatedError,
    UnreadableError,
    Walk,
    is_unknown,
    too_few_bytes,
)

Inner = Callable[
    [bytes], tuple[AudioPart, ...]
]  # the parts of a stream with headers of its own, or ()

UNCOMPRESSED = {1, 3, 6, 7}  # format tags: PCM, float, A-law, µ-law
EXTENSIBLE = 0xFFFE
# of chunks that writers put behind the samples: one that is cut or lies about its size is no audio
NOTES = {b"LIST", b"id3 ", b"ID3 ", b"bext", b"iXML", b"cue ", b"fact", b"PEAK", b"JUNK", b"afsp"}
W64_MAGIC = bytes.fromhex("726966662e91cf11a5d628db04c10000")
W64_TAIL = bytes.fromhex("f3acd3118cd100c04f8edb8a")  # of the names of its chunks
MAGICS = (b"RIFF", b"RIFX", b"RF64", b"BW64")


@dataclass(frozen=True)
class _Form:
    """How a file writes its chunks."""

    head: int = 8  # bytes before a chunk's content
    align: int = 2  # chunks begin at multiples of it
    order: str = "<"

    def chunk(self, data: bytes, position: int) -> tuple[bytes, int]:
        """Name and size of the chunk at a position."""
        if self.head == 8:
            name, size = struct.unpack_from(f"{self.order}4sI", data, position)
            return name, size
        size = struct.unpack_from("<Q", data, position + 16)[0]
        return data[position : position + 4], size if is_unknown(size) else max(size - 24, 0)

    def is_chunk(self, data: bytes, position: int) -> bool:
        """Whether a chunk can begin there."""
        if position + self.head > len(data) or is_wave(data, position):
            return False
        if self.head == 24:
            return data[position + 4 : position + 16] == W64_TAIL
        name, size = self.chunk(data, position)
        printable = all(0x20 <= letter < 0x7F for letter in name)
        return printable and (name in NOTES or position + self.head + size <= len(data))


@dataclass(frozen=True)
class _Format:
    """The chunk `fmt `, and what there is of it to know."""

    content: bytes
    order: str

    def field(self, letter: str, at: int) -> int:
        """One of its numbers."""
        return int(struct.unpack_from(self.order + letter, self.content, at)[0])

    @property
    def tag(self) -> int:
        """The codec."""
        tag = self.field("H", 0)
        return self.field("H", 24) if tag == EXTENSIBLE and len(self.content) >= 26 else tag


def is_wave(data: bytes, position: int = 0) -> bool:
    """Whether a WAV file in one of its forms begins at a position."""
    magic = data[position : position + 16]
    return (magic[:4] in MAGICS and magic[8:12] == b"WAVE") or magic == W64_MAGIC


def walk_wave(data: bytes, inner: Inner) -> Walk:
    """The recording of a WAV file. Raises TruncatedError and UnreadableError."""
    form = _Form(24, 8) if data[:4] == b"riff" else _Form(order=">" if data[3:4] == b"X" else "<")
    fmt, long_size = b"", None
    for name, body, size in _chunks(data, form):
        if name == b"fmt ":
            fmt = data[body : body + size]
        elif name == b"ds64" and body + 16 <= len(data):
            long_size = struct.unpack_from("<Q", data, body + 8)[0]
        elif name == b"data" and len(fmt) < 16:
            raise UnreadableError("a WAV file that does not say its format before its samples")
        elif name == b"data":
            size = long_size if long_size is not None and size == 0xFFFF_FFFF else size
            return _walk_samples(data, _Format(fmt, form.order), form, (body, size), inner)
    raise TruncatedError("its header ends before the samples")


def _chunks(data: bytes, form: _Form) -> Iterator[tuple[bytes, int, int]]:
    """Name, start of the content and size as written, of each chunk."""
    position = 40 if form.head == 24 else 12
    while position + form.head <= len(data):
        name, size = form.chunk(data, position)
        yield name, position + form.head, size
        position += form.head + size + -size % form.align


def _walk_samples(
    data: bytes, fmt: _Format, form: _Form, written: tuple[int, int], inner: Inner
) -> Walk:
    """The recording whose samples begin at a place and have a size, as `written`."""
    (body, size), (length, end) = written, _extent(data, form, *written)
    channels, rate, block = fmt.field("H", 2), fmt.field("I", 4), fmt.field("H", 12)
    seconds = None
    if fmt.tag not in UNCOMPRESSED:
        if parts := inner(data[body : body + length]):
            return Walk(parts, end)
    elif channels and rate and block:
        seconds = length // block / rate
    if form.head == 8 and length == size and data[:4] in (b"RIFF", b"RIFX"):
        return Walk((AudioPart(data[:end], "wav", True, seconds),), end)
    whole = length - length % block if block else length
    chunks = _chunk(form, b"fmt ", fmt.content) + _chunk(form, b"data", data[body : body + whole])
    magic = b"RIFX" if form.order == ">" else b"RIFF"
    return Walk((AudioPart(_chunk(form, magic, b"WAVE" + chunks), "wav", True, seconds),), end)


def _chunk(form: _Form, name: bytes, content: bytes) -> bytes:
    padding = b"\0" * (len(content) % 2)
    return struct.pack(f"{form.order}4sI", name, len(content)) + content + padding


def _extent(data: bytes, form: _Form, body: int, size: int) -> tuple[int, int]:
    """Bytes of samples, and where the file ends."""
    after = body + size
    if is_unknown(size) or (size == 0 and _after_chunks(data, after, form) < len(data)):
        end = _next_file(data, body)
        return end - body, end
    if after > len(data):
        raise too_few_bytes(after, len(data))
    padded = min(after + -size % form.align, len(data))
    starts = (padded, after) if any(data[after:padded]) else (padded,)  # some leave no padding
    return size, max(_after_chunks(data, start, form) for start in starts)


def _next_file(data: bytes, position: int) -> int:
    """Where another WAV file begins behind samples of unknown length, else the end."""
    starts = [len(data)]
    for magic in (*MAGICS, W64_MAGIC):
        start = data.find(magic, position)
        while start >= 0 and not is_wave(data, start):
            start = data.find(magic, start + 1)
        starts += [start] if start >= 0 else []
    return min(starts)


def _after_chunks(data: bytes, position: int, form: _Form) -> int:
    """Where the chunks that stand at a position end. Raises UnreadableError at more samples."""
    while form.is_chunk(data, position):
        name, size = form.chunk(data, position)
        if name == b"data":
            raise UnreadableError("a WAV file whose samples are in several pieces")
        position = min(position + form.head + size + -size % form.align, len(data))
    return position
