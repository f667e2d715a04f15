"""The recordings of a file that a client left: itself, or the members of a ZIP archive."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from models.errors import InputError

MEMBERS = 10_000
NAME = 200  # characters of a member's path in an answer
HIDDEN = ("__MACOSX",)
DAMAGES = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError)


@dataclass(frozen=True)
class LeftRecording:
    """A recording, or why it cannot be read."""

    name: str  # as the client calls it; never a path here
    content: bytes | None
    refusal: str = ""


def recordings_in(file: Path, name: str, max_bytes: int) -> Iterator[LeftRecording]:
    """The recordings of a file, one in memory at a time, none larger than `max_bytes`.

    Raises InputError for an archive that cannot be opened or has too many members.
    """
    if not zipfile.is_zipfile(file):
        yield LeftRecording(name, file.read_bytes())
        return
    try:
        with zipfile.ZipFile(file) as archive:
            for member in _members(archive, name):
                yield _read(archive, member, max_bytes)
    except (zipfile.BadZipFile, OSError) as error:
        raise InputError(f"{name}: not a ZIP archive that can be read ({error})") from error


def _members(archive: zipfile.ZipFile, name: str) -> list[zipfile.ZipInfo]:
    members = [member for member in archive.infolist() if _is_recording(member)]
    if len(members) > MEMBERS:
        raise InputError(f"{name}: at most {MEMBERS} files expected, found {len(members)}")
    if not members:
        raise InputError(f"{name}: an archive with recordings expected, it is empty")
    return members


def _is_recording(member: zipfile.ZipInfo) -> bool:
    path = PurePosixPath(member.filename)
    return not (member.is_dir() or path.name.startswith(".") or path.parts[0] in HIDDEN)


def _read(archive: zipfile.ZipFile, member: zipfile.ZipInfo, max_bytes: int) -> LeftRecording:
    name = "".join(letter for letter in member.filename[-NAME:] if letter.isprintable())
    try:
        with archive.open(member) as stream:
            content = stream.read(max_bytes + 1)  # whatever size its header names
    except DAMAGES as error:
        return LeftRecording(name, None, f"{name}: cannot be unpacked ({error})")
    if len(content) > max_bytes:
        return LeftRecording(
            name, None, f"{name}: at most {max_bytes / 2**20:.3g} MiB expected, it is larger"
        )
    return LeftRecording(name, content)
