"""The objects of the DVC cache: which of them are still what their names say.

    <cache>/files/md5/ab/cdef…        the content of a file; its name is its MD5
    <cache>/files/md5/ab/cdef….dir    the names and objects of a folder, as JSON

DVC trusts an object that is write-protected, so it would hand out a damaged one. Here each object
is hashed once, and again when its time, size or inode changed.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import sqlite3
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import yaml

log = logging.getLogger("antiphon.datasets")

_NAME = re.compile(r"[0-9a-f]{30}(\.dir)?")  # after the two digits of its folder
_Stamp = tuple[int, int, int]  # nanoseconds, bytes, inode


@dataclass(frozen=True)
class AbsentObject:
    """A file of a dataset version whose object the cache does not have."""

    corpus: str
    path: str  # in the corpus; empty: the list of its files
    md5: str


def drop_damaged(cache: Path) -> list[str]:
    """Delete the objects whose content is not what their names say; returns their MD5 names.

    What was found good is remembered beside the cache, so that the next look takes one `stat` for
    each object that did not change. Raises OSError where the cache cannot be read.
    """
    objects = cache / "files" / "md5"
    if not objects.is_dir():
        return []
    damaged: list[str] = []
    with closing(_open_record(cache)) as record, ThreadPoolExecutor() as pool:
        for folder in sorted(objects.iterdir()):
            if len(folder.name) == 2 and folder.is_dir():
                damaged += _check_folder(folder, record, pool)
    for name in damaged:
        log.warning("object %s of %s was damaged and is deleted", name, cache)
    return damaged


def absent_objects(data: Path, cache: Path) -> list[AbsentObject]:
    """The files of the corpora (`data/*.dvc`) whose objects are not in the cache."""
    absent: list[AbsentObject] = []
    for pointer in sorted(data.glob("*.dvc")):
        listing = str(yaml.safe_load(pointer.read_text("utf-8"))["outs"][0]["md5"])
        files = _files(cache, listing)
        if files is None:
            absent.append(AbsentObject(pointer.stem, "", listing))
            continue
        absent += [
            AbsentObject(pointer.stem, path, md5)
            for path, md5 in files.items()
            if not _object(cache, md5).is_file()
        ]
    return absent


def _files(cache: Path, listing: str) -> Mapping[str, str] | None:
    """Paths and MD5 of a folder's files; None where its list is not in the cache."""
    try:
        entries = json.loads(_object(cache, listing).read_text("utf-8"))
    except FileNotFoundError:
        return None
    return {entry["relpath"]: entry["md5"] for entry in entries}


def _object(cache: Path, md5: str) -> Path:
    return cache / "files" / "md5" / md5[:2] / md5[2:]


def _check_folder(folder: Path, record: sqlite3.Connection, pool: ThreadPoolExecutor) -> list[str]:
    """Hash what changed in one of the 256 folders, delete what is damaged, remember the rest."""
    good = {
        name: (time, size, inode)
        for name, time, size, inode in record.execute(
            "SELECT name, time, size, inode FROM good WHERE folder = ?", (folder.name,)
        )
    }
    changed = {name: stamp for name, stamp in _stamps(folder) if good.get(name) != stamp}
    paths = [folder / name for name in changed]
    sound = dict(zip(changed, pool.map(_is_sound, paths), strict=True))
    with record:
        record.executemany(
            "INSERT OR REPLACE INTO good VALUES (?, ?, ?, ?, ?)",
            [(folder.name, name, *changed[name]) for name in changed if sound[name]],
        )
    damaged = [name for name in changed if not sound[name]]
    for name in damaged:
        (folder / name).unlink(missing_ok=True)
    return [f"{folder.name}{name}" for name in damaged]


def _stamps(folder: Path) -> Iterator[tuple[str, _Stamp]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if _NAME.fullmatch(entry.name):
                status = entry.stat()
                yield entry.name, (status.st_mtime_ns, status.st_size, status.st_ino)


def _is_sound(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False))
    except FileNotFoundError:  # another process deleted it just now
        return False
    return digest.hexdigest() == f"{path.parent.name}{path.name.removesuffix('.dir')}"


def _open_record(cache: Path) -> sqlite3.Connection:
    """The record of good objects; one that cannot be read is begun anew."""
    file = cache.with_name(f"{cache.name}-checked.db")
    try:
        return _prepared(file)
    except sqlite3.OperationalError as error:
        raise OSError(f"{file}: {error}") from error
    except sqlite3.DatabaseError:
        file.unlink()
        return _prepared(file)


def _prepared(file: Path) -> sqlite3.Connection:
    record = sqlite3.connect(file, timeout=60.0)
    try:
        record.execute(
            "CREATE TABLE IF NOT EXISTS good (folder TEXT, name TEXT, time INTEGER, "
            "size INTEGER, inode INTEGER, PRIMARY KEY (folder, name)) WITHOUT ROWID"
        )
    except sqlite3.Error:
        record.close()
        raise
    return record
