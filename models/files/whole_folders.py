"""A folder is written whole or not at all: beside its place, then moved there."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from models.errors import InputError
from models.files.whole_files import scratch_beside


@contextmanager
def written_whole(folder: Path, mark: str, *, keep: bool = False) -> Iterator[Path]:
    """A folder to write into that takes the place of `folder` when the block ends without error.

    An older folder is replaced only where it holds the file `mark`: raises InputError rather than
    throw away something else. `keep` starts from a copy of it.
    """
    check_replaceable(folder, mark)
    folder = folder.resolve()
    with scratch_beside(folder, shared=True) as scratch:
        if keep:
            shutil.copytree(folder, scratch)
        else:
            scratch.mkdir(parents=True)
        yield scratch
        _swap(scratch, folder)


def check_replaceable(folder: Path, mark: str) -> None:
    """Raise InputError where `written_whole` would not write; call it before long work."""
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: a folder expected, this is a file")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / mark).is_file():
        raise InputError(f"{folder}: holds other files and no {mark}, it is not overwritten")


def _swap(new: Path, folder: Path) -> None:
    old = new.with_suffix(".old")
    if folder.is_dir():
        folder.rename(old)
    new.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
