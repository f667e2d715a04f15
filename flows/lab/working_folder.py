"""A folder that one command works in at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from models.errors import InputError


@contextmanager
def working_alone(folder: Path) -> Iterator[None]:
    """Hold the folder while the body runs; raises InputError where another process holds it.

    A killed process lets go of it.
    """
    from filelock import FileLock, Timeout

    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / ".lock", timeout=0):
            yield
    except Timeout as error:
        raise InputError(
            f"{folder}: another process works there; another --out expected"
        ) from error
