"""Reads the form of a job: its files go to the object store, one at a time in memory."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from starlette.datastructures import UploadFile

from infra.errors import UnreachableError
from infra.storage import ObjectStore
from models.errors import InputError
from serving.door import safe_suffix
from serving.errors import NotReadyError
from serving.uploads import FormFiles, Upload

FILES = 1000  # of one form; an archive may hold more
SUFFIXES = (".zip",)


@dataclass(frozen=True)
class LeftFile:
    """A file of the form, on disk if it is large, and its hash."""

    content: UploadFile
    name: str
    sha256: bytes


async def hashed(form: FormFiles) -> list[LeftFile]:
    """The files with their hashes."""
    return [LeftFile(f, name, await asyncio.to_thread(_sha256, f)) for f, name in form.files]


async def store_files(
    store: ObjectStore, job_id: str, files: Sequence[LeftFile]
) -> list[dict[str, Any]]:
    """Put the files into the store; name and key of each. Raises NotReadyError."""
    stored = []
    for number, file in enumerate(files):
        suffix = safe_suffix(Upload(None, file.name, {}).suffix)
        key = f"jobs/{job_id}-{number}{suffix}"  # no folder of its own: folders stay
        try:
            await asyncio.to_thread(_put, store, key, file.content)
        except UnreachableError as error:
            raise NotReadyError(f"the files cannot be stored now ({error})") from error
        stored.append({"name": file.name or f"{number}{suffix}", "key": key})
    return stored


def check_sizes(form: FormFiles, max_bytes: int) -> None:
    """Raise InputError for a recording larger than one upload may be; archives may be larger."""
    for file, name in form.files:
        if (file.size or 0) > max_bytes and not name.lower().endswith(SUFFIXES):
            raise InputError(
                f"{name}: at most {max_bytes / 2**20:.3g} MiB expected of one recording, it is "
                "larger; several recordings may come as a .zip"
            )


def _sha256(file: UploadFile) -> bytes:
    digest = hashlib.sha256()
    file.file.seek(0)
    for block in iter(partial(file.file.read, 2**20), b""):
        digest.update(block)
    return digest.digest()


def _put(store: ObjectStore, key: str, file: UploadFile) -> None:
    file.file.seek(0)
    store.put(key, file.file.read())


def job_digest_parts(files: Sequence[LeftFile], fields: str) -> tuple[bytes, ...]:
    """What makes two jobs the same request."""
    return (fields.encode(), *(file.name.encode() + file.sha256 for file in files))
