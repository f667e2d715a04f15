"""Object storage: a folder by default, an S3 bucket by setting."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from infra.errors import AbsentError, ConflictError, UnreachableError
from infra.machine.beside import link_new, scratch_beside, write_synced
from infra.settings import Settings

CONNECT_TIMEOUT_S = 5
READ_TIMEOUT_S = 60
BLOCK = 2**20  # bytes of an object in memory while it becomes a file
_KEY = re.compile(r"(?!\.)[\w.+=@-]+(/(?!\.)[\w.+=@-]+)*", re.ASCII)  # no part begins with a dot
_MAX_KEY = 512


class ObjectStore(Protocol):
    """Bytes under keys such as `audio/2026/11/0f3c.flac`.

    Every method raises ValueError for an invalid key and UnreachableError for an outage.
    """

    def put(self, key: str, data: bytes, *, only_if_new: bool = False) -> None:
        """Store an object, completely or not at all; ConflictError if it must be new and exists."""

    def get(self, key: str) -> bytes:
        """The object; raises AbsentError."""

    def fetch(self, key: str, into: Path) -> None:
        """Write the object to a new file, of which memory holds a block; raises AbsentError."""

    def delete(self, key: str) -> None:
        """Delete the object; a missing object is no error."""

    def exists(self, key: str) -> bool:
        """Whether the object exists."""

    def list(self, prefix: str = "") -> list[str]:
        """The keys that begin with `prefix`, sorted."""


def open_store(here: Settings) -> ObjectStore:
    """The store of the settings; it is not contacted yet."""
    if not here.object_store.startswith("s3://"):
        return FolderStore(Path(here.object_store))
    bucket, _, prefix = here.object_store.removeprefix("s3://").partition("/")
    return S3Store(_client(here), bucket, prefix)


class FolderStore:
    """Objects as files."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, key: str, data: bytes, *, only_if_new: bool = False) -> None:
        """Write under another name, sync, then rename, so that no reader sees a part."""
        target = self._path(key)
        with self._reaching():
            target.parent.mkdir(parents=True, exist_ok=True)
            with scratch_beside(target, shared=True) as scratch:
                write_synced(scratch, data)
                if not only_if_new:
                    scratch.replace(target)
                elif not link_new(scratch, target):
                    raise ConflictError(f"{key}: there is such an object already")

    def get(self, key: str) -> bytes:
        """The content of the file."""
        path = self._path(key)
        with self._reaching():
            try:
                return path.read_bytes()
            except (FileNotFoundError, IsADirectoryError) as error:
                raise AbsentError(f"{key}: no such object in {self._root}") from error

    def fetch(self, key: str, into: Path) -> None:
        """A second name of the file where the disk allows it, else a copy."""
        path = self._path(key)
        with self._reaching():
            try:
                os.link(path, into)  # nobody writes into an object, so a link is as good as a copy
            except FileNotFoundError as error:
                raise AbsentError(f"{key}: no such object in {self._root}") from error
            except OSError:  # another disk, or one without links
                shutil.copyfile(path, into)

    def delete(self, key: str) -> None:
        """Remove the file; folders stay."""
        path = self._path(key)
        with self._reaching():
            path.unlink(missing_ok=True)

    def exists(self, key: str) -> bool:
        """Whether the file exists."""
        return self._path(key).is_file()

    def list(self, prefix: str = "") -> list[str]:
        """Files below the root, except unfinished ones."""
        files = (path for path in self._root.rglob("*") if path.is_file())
        keys = (path.relative_to(self._root).as_posix() for path in files)
        return sorted(key for key in keys if key.startswith(prefix) and _KEY.fullmatch(key))

    def _path(self, key: str) -> Path:
        return self._root / _checked(key)

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        try:
            yield
        except UnreachableError:
            raise
        except OSError as error:
            reason = error.strerror or error
            raise UnreachableError(f"the folder {self._root} cannot be used ({reason})") from error


class S3Store:
    """Objects in a bucket of S3 or a compatible service."""

    def __init__(self, client: Any, bucket: str, prefix: str) -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""

    def put(self, key: str, data: bytes, *, only_if_new: bool = False) -> None:
        """One request; `only_if_new` is S3's own If-None-Match."""
        condition = {"IfNoneMatch": "*"} if only_if_new else {}
        with self._reaching(key):
            self._client.put_object(**self._place(key), Body=data, **condition)

    def get(self, key: str) -> bytes:
        """The body of the object."""
        with self._reaching(key):
            body: bytes = self._client.get_object(**self._place(key))["Body"].read()
            return body

    def fetch(self, key: str, into: Path) -> None:
        """The body of the object, block by block."""
        with self._reaching(key), into.open("xb") as target:
            body = self._client.get_object(**self._place(key))["Body"]
            for block in body.iter_chunks(BLOCK):
                target.write(block)

    def delete(self, key: str) -> None:
        """Delete the object; S3 accepts a missing object."""
        with self._reaching(key):
            self._client.delete_object(**self._place(key))

    def exists(self, key: str) -> bool:
        """Request the head of the object."""
        try:
            with self._reaching(key):
                self._client.head_object(**self._place(key))
        except AbsentError:
            return False
        return True

    def list(self, prefix: str = "") -> list[str]:
        """One request for every 1000 keys."""
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=f"{self._prefix}{prefix}"
        )
        with self._reaching(prefix):
            keys = [entry["Key"] for page in pages for entry in page.get("Contents", ())]
        return sorted(key.removeprefix(self._prefix) for key in keys)

    def _place(self, key: str) -> dict[str, str]:
        return {"Bucket": self._bucket, "Key": f"{self._prefix}{_checked(key)}"}

    @contextmanager
    def _reaching(self, key: str) -> Iterator[None]:
        from botocore.exceptions import BotoCoreError, ClientError

        place = f"s3://{self._bucket}"
        try:
            yield
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code"))
            if code in {"404", "NoSuchKey"}:
                raise AbsentError(f"{key}: no such object in {place}") from error
            if code in {"PreconditionFailed", "ConditionalRequestConflict", "412"}:
                raise ConflictError(f"{key}: there is such an object already") from error
            raise UnreachableError(f"{place} cannot be used ({error})") from error
        except BotoCoreError as error:
            raise UnreachableError(f"{place} cannot be reached ({error})") from error


def _client(here: Settings) -> Any:
    import boto3
    from botocore.config import Config

    key, secret = here.s3_access_key_id, here.s3_secret_access_key
    return boto3.client(
        "s3",
        endpoint_url=here.s3_endpoint_url,
        region_name=here.s3_region,
        aws_access_key_id=key.get_secret_value() if key else None,
        aws_secret_access_key=secret.get_secret_value() if secret else None,
        config=Config(
            connect_timeout=CONNECT_TIMEOUT_S,
            read_timeout=READ_TIMEOUT_S,
            retries={"mode": "standard", "max_attempts": 3},
        ),
    )


def _checked(key: str) -> str:
    if len(key) > _MAX_KEY or not _KEY.fullmatch(key):
        raise ValueError(f"object key: parts of letters, digits and ._+=@- expected, found {key!r}")
    return key
