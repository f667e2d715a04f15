"""Rows of numbers kept by the hash of what they were computed from, in files that come and go.

    FOLDER/ab/abcdef…    one row: 16 bytes of BLAKE2b of the rest, then float32 in little endian

A store can be deleted at any time, as a whole or in part: what is missing is computed again. Files
appear whole, so any number of processes may use a store at once. A file that was damaged, by its
hash, is taken for missing.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.files.whole_files import written_beside

Rows = NDArray[np.float32]  # (n, width)

_HASH = 16  # bytes
_TOUCHED_S = 3_600.0  # a row that is read keeps its time for so long
_KEPT = 0.8  # of the bound, after the oldest rows were deleted


@dataclass(frozen=True)
class RowStore:
    """Rows (width,) by key, a hexadecimal hash; `prune` bounds what is kept."""

    folder: Path
    width: int

    def rows(self, keys: Sequence[str], compute: Callable[[list[int]], Rows]) -> Rows:
        """The rows (n, width) of the keys; `compute` gives those of the places not kept yet."""
        kept = [self._read(key) for key in keys]
        missing = [place for place, row in enumerate(kept) if row is None]
        rows = np.empty((len(keys), self.width), np.float32)
        for place, row in enumerate(kept):
            if row is not None:
                rows[place] = row
        if missing:
            rows[missing] = compute(missing)
            for place in missing:
                self._write(keys[place], rows[place])
        return rows

    def _read(self, key: str) -> Rows | None:
        path = self._path(key)
        try:
            content = path.read_bytes()
        except OSError:
            return None
        digest, numbers = content[:_HASH], content[_HASH:]
        if len(numbers) != 4 * self.width or digest != _hash(numbers):
            return None
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > _TOUCHED_S:
                os.utime(path)  # `prune` deletes what was not used for longest
        return np.frombuffer(numbers, "<f4")

    def _write(self, key: str, row: Rows) -> None:
        path = self._path(key)
        numbers = row.astype("<f4").tobytes()
        with suppress(OSError):  # a full disk, or somebody deletes the store: nothing is lost
            path.parent.mkdir(parents=True, exist_ok=True)
            with written_beside(path, shared=True) as scratch:
                scratch.write_bytes(_hash(numbers) + numbers)

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / key


def prune(folder: Path, most_bytes: int) -> None:
    """Delete the rows of all stores below `folder` that were not used for longest.

    Nothing happens while they are within `most_bytes`; then four fifths of it remain.
    """
    files = []
    for path in folder.rglob("*"):
        with suppress(OSError):
            if path.is_file():
                about = path.stat()
                files.append((about.st_mtime, about.st_size, path))
    total = sum(size for _, size, _ in files)
    if total <= most_bytes:
        return
    for _, size, path in sorted(files, key=lambda file: file[0]):
        with suppress(OSError):
            path.unlink()
            total -= size
        if total <= _KEPT * most_bytes:
            return


def _hash(numbers: bytes) -> bytes:
    return hashlib.blake2b(numbers, digest_size=_HASH).digest()
