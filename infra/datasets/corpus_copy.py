"""Copies a corpus into a dataset version, without what cannot be part of one."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

log = logging.getLogger("antiphon.datasets")

# of other tools; dvc would refuse the first, and ignores the others
_TOOLS = (".dvcignore", ".git", ".hg", ".dvc")


def copy_corpus(folder: Path, into: Path) -> None:
    """Copy the files of a folder to a new one; links are followed.

    What a dataset version cannot hold is left out and logged: links to nothing and to a folder
    that they are in, pipes and other special files, files of git and DVC. Raises OSError.
    """
    left_out: list[str] = []
    into.mkdir(parents=True)
    for path in _files(folder, left_out):
        target = into / path.relative_to(folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        # without times: dvc takes a file of the same place, size and time for the same one
        shutil.copyfile(path, target)
    if left_out:
        log.warning("%d left out of %s, first %s", len(left_out), folder, left_out[0])


def _files(folder: Path, left_out: list[str]) -> Iterator[Path]:
    with os.scandir(folder) as entries:
        listing = sorted(entries, key=lambda entry: entry.name)
    for entry in listing:
        path = Path(entry.path)
        if entry.name in _TOOLS:
            left_out.append(f"{path}, a file of git or DVC")
        elif entry.is_dir():
            if entry.is_symlink() and path.resolve() in (
                folder.resolve(),
                *folder.resolve().parents,
            ):
                left_out.append(f"{path}, a link to a folder that it is in")
            else:
                yield from _files(path, left_out)
        elif entry.is_file():
            yield path
        else:
            kind = "a link to nothing" if entry.is_symlink() else "not a file"
            left_out.append(f"{path}, {kind}")
