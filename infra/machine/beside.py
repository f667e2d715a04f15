"""Files and folders written beside their place and then moved there, so that no reader sees a part.

The same as `models.files.whole_files`, which infra does not import.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def scratch_beside(place: Path, *, shared: bool = False) -> Iterator[Path]:
    """A path beside `place` to write a file or a folder to; the block moves it to its place.

    What is still there when the block ends, or when a killed run begins again, is removed. Where
    processes may write to the same place at the same time, it is `shared`: each path has a name of
    its own.
    """
    number = f"-{uuid.uuid4().hex}" if shared else ""
    scratch = place.with_name(f".{place.name}.part{number}")
    _remove(scratch)
    try:
        yield scratch
    finally:
        _remove(scratch)


def write_synced(path: Path, data: bytes, mode: int = 0o666) -> None:
    """Write a new file and wait until it is on the disk."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def link_new(scratch: Path, place: Path) -> bool:
    """Move a file to a place where there is none; False where one is there, which stays."""
    try:
        os.link(scratch, place)  # unlike a rename, it never replaces
    except FileExistsError:
        return False
    return True


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
