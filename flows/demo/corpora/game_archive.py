"""The speech of Flight of the Amazon Queen: MP3 files inside one archive with a table in front.

"QTBL", 6 bytes of version, 2 unused, 1 of compression (1: MP3), 2 the number of entries, then
per entry 12 bytes of name, 1 of bundle, 4 of offset, 4 of size; all numbers big-endian.
Source: ScummVM, engines/queen/resource.cpp.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

from models.errors import InputError
from models.files.whole_files import scratch_beside

HEADER = struct.Struct(">4s6s2xBH")
ENTRY = struct.Struct(">12sBII")
MP3 = 1
SPEECH = ".SB"


def unpack_speech(archive: Path, folder: Path) -> list[Path]:
    """The archive's speech as MP3 files in a folder, unpacked once; raises InputError if it is not
    such an archive."""
    if not folder.is_dir():
        with scratch_beside(folder, shared=True) as scratch:
            scratch.mkdir()
            for name, content in _members(archive):
                (scratch / f"{name}.mp3").write_bytes(content)
            if not folder.is_dir():  # another run may have been faster
                scratch.rename(folder)
    return sorted(folder.glob("*.mp3"))


def _members(archive: Path) -> Iterator[tuple[str, bytes]]:
    data = archive.read_bytes()
    if len(data) < HEADER.size or data[:4] != b"QTBL":
        raise InputError(f"{archive}: a speech archive that begins with QTBL expected")
    _, _, compression, entries = HEADER.unpack_from(data)
    if compression != MP3 or len(data) < HEADER.size + entries * ENTRY.size:
        raise InputError(f"{archive}: a whole archive of MP3 speech expected")
    for index in range(entries):
        raw, _, offset, size = ENTRY.unpack_from(data, HEADER.size + index * ENTRY.size)
        name = raw.split(b"\0")[0].decode("ascii").strip()
        if offset + size > len(data):
            raise InputError(f"{archive}: truncated, {name} lies beyond its end")
        if name.endswith(SPEECH) and "/" not in name:
            yield name.removesuffix(SPEECH), data[offset : offset + size]
