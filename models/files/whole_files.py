"""Files and folders that appear whole or not at all: written beside, then moved to their place."""

from __future__ import annotations

import csv
import json
import shutil
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def scratch_beside(place: Path, *, shared: bool = False) -> Iterator[Path]:
    """A path beside `place` to write a file or a folder to; what is still there is removed.

    A run that was killed leaves its path, and the next run begins by removing it. Where processes
    may write to the same place at the same time, it is `shared`: each path has a name of its own.
    """
    number = f".{uuid.uuid4().hex}" if shared else ""
    scratch = place.with_name(f".{place.name}{number}.part")
    _remove(scratch)
    try:
        yield scratch
    finally:
        _remove(scratch)


@contextmanager
def written_beside(place: Path, *, shared: bool = False) -> Iterator[Path]:
    """A path to write a file or a folder to; moved to `place` if the block ends without error.

    A file that is there is replaced; a folder is not, unless it is empty.
    """
    with scratch_beside(place, shared=shared) as scratch:
        yield scratch
        scratch.replace(place)


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file."""
    with written_beside(path) as scratch:
        scratch.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write a text in UTF-8."""
    with written_beside(path) as scratch:
        scratch.write_text(text, encoding="utf-8")


def write_json(path: Path, document: Mapping[str, Any], *, sort_keys: bool = False) -> None:
    """Write a document as indented JSON."""
    write_text(path, json.dumps(document, indent=2, sort_keys=sort_keys) + "\n")


def write_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows of the same columns, at least one, as CSV."""
    rows = list(rows)
    with written_beside(path) as scratch, scratch.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def read_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV; none where there is no such file."""
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
