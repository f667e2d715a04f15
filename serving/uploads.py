"""Reads the body of a request: a client's form with a recording, or a small document.

Size, number and length of the parts and the time are limited, so that a client that sends too much,
or nothing more, gives its place back.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import PurePath

from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from models.errors import InputError
from serving.errors import StalledError, TooLargeError

FORM_OVERHEAD = 64 * 1024  # bytes of a form in addition to its recording
LONGEST_FIELD = 1024  # characters
LONGEST_NAME = 100  # characters of a file name in a sentence
PARTS = 8  # text fields of a form
PART_HEADERS = 4 * 1024  # bytes of the headers of a part
PART_TEXT = 16 * 1024  # bytes of a text field
DRAINED_BYTES = 64 * 2**20
DRAINED_S = 10.0


@dataclass(frozen=True)
class BodyLimits:
    """What a body may take."""

    bytes: int  # of a recording
    idle_s: float  # without a byte
    total_s: float  # from the first byte to the last


@dataclass(frozen=True)
class Upload:
    """A recording and the other fields of its form."""

    recording: bytes | None
    name: str  # of the file, without folders
    fields: dict[str, str]

    @property
    def suffix(self) -> str:
        """Of the file name; identifies headerless formats."""
        return PurePath(self.name).suffix


@dataclass(frozen=True)
class FormFiles:
    """The files of a form with their names, without folders, and its text fields."""

    files: list[tuple[UploadFile, str]]
    fields: dict[str, str]


async def read_upload(request: Request, limits: BodyLimits) -> Upload:
    """Read a multipart form. Raises InputError, or TooLargeError without reading the rest, or
    StalledError."""
    files, fields = await read_form(request, limits)
    recording, name = files[0] if files else (None, "")
    return Upload(recording, name, fields)


async def read_form(
    request: Request, limits: BodyLimits, most_files: int = 1
) -> tuple[list[tuple[bytes, str]], dict[str, str]]:
    """The recordings of a form with their names, and its text fields; together they have the size
    of one upload. Raises what `read_upload` raises."""
    async with open_form(request, limits, most_files, limits.bytes + FORM_OVERHEAD) as form:
        return [(await file.read(), name) for file, name in form.files], form.fields


@asynccontextmanager
async def open_form(
    request: Request, limits: BodyLimits, most_files: int, in_memory: int
) -> AsyncIterator[FormFiles]:
    """A form until the end of the block; files of more than `in_memory` bytes are on disk.

    Raises what `read_upload` raises.
    """
    if not is_form(request):
        raise InputError("body: multipart/form-data with a file field audio expected")
    parser = _BoundedParser(
        request.headers,
        _bounded(request, limits.bytes + FORM_OVERHEAD, limits),
        max_files=most_files,
        max_fields=PARTS,
        max_part_size=PART_TEXT,
    )
    parser.spool_max_size = in_memory
    try:
        try:
            form = await parser.parse()
        except MultiPartException as error:
            raise InputError(f"body: not a form that can be read ({error.message})") from error
        yield _unpack(form, limits.bytes)
    finally:
        parser.close_files()


def is_form(request: Request) -> bool:
    """Whether the body is a form that may hold files."""
    return request.headers.get("content-type", "").lower().startswith("multipart/form-data")


async def read_document(request: Request, max_bytes: int, limits: BodyLimits) -> bytes:
    """The body of a small request. Raises TooLargeError without reading the rest, StalledError."""
    return b"".join([chunk async for chunk in _bounded(request, max_bytes, limits)])


async def drain(request: Request) -> None:
    """Read and discard the body for a while; a client that is still sending would miss its answer.

    A client with `Expect: 100-continue` has sent nothing and needs no draining.
    """
    if request.headers.get("expect", "").lower() == "100-continue":
        return
    dropped = 0
    try:
        async with asyncio.timeout(DRAINED_S):
            async for chunk in request.stream():
                dropped += len(chunk)
                if dropped > DRAINED_BYTES:
                    return
    except (TimeoutError, ClientDisconnect):
        return


class _BoundedParser(MultiPartParser):
    """Bounds the headers of parts."""

    _header_bytes = 0

    def close_files(self) -> None:
        """Close every file, also one whose part never ended, which is in no form."""
        for file in self._files_to_close_on_error:
            file.close()

    def on_part_begin(self) -> None:
        """A new part."""
        self._header_bytes = 0
        super().on_part_begin()

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        """A piece of the name of a header of a part."""
        self._count_header(end - start)
        super().on_header_field(data, start, end)

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        """A piece of the value of a header of a part."""
        self._count_header(end - start)
        super().on_header_value(data, start, end)

    def _count_header(self, length: int) -> None:
        self._header_bytes += length
        if self._header_bytes > PART_HEADERS:
            raise MultiPartException(f"at most {PART_HEADERS} bytes of headers of a part expected")


async def _bounded(request: Request, limit: int, limits: BodyLimits) -> AsyncGenerator[bytes, None]:
    declared = request.headers.get("content-length", "0")
    if declared.isdecimal() and int(declared) > limit:
        raise _too_large(limit)
    received = 0
    async for chunk in _in_time(request.stream(), limits):
        received += len(chunk)
        if received > limit:
            raise _too_large(limit)
        yield chunk


async def _in_time(
    chunks: AsyncGenerator[bytes, None], limits: BodyLimits
) -> AsyncGenerator[bytes, None]:
    """The chunks. Raises StalledError if none comes for `idle_s`, or the last not in `total_s`."""
    clock = asyncio.get_running_loop()
    deadline = clock.time() + limits.total_s
    while True:
        left = deadline - clock.time()
        try:
            async with asyncio.timeout(min(limits.idle_s, left)):
                chunk = await anext(chunks)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise StalledError(
                f"body: all of it within {limits.total_s:g} s and a part of it every "
                f"{limits.idle_s:g} s expected, it has stalled"
            ) from None
        yield chunk


def _too_large(limit: int) -> TooLargeError:
    return TooLargeError(f"body: at most {limit / 2**20:.3g} MiB expected, it is larger")


def _unpack(form: FormData, max_bytes: int) -> FormFiles:
    unpacked = FormFiles([], {})
    for name, value in form.multi_items():
        if isinstance(value, UploadFile):
            if name != "audio":
                raise InputError(f"{name}: no file field of this name; known: audio")
            unpacked.files.append((value, short_name(value.filename)))
        elif name == "audio":
            raise InputError("audio: a file expected, found a text field")
        else:
            unpacked.fields[name] = _field(name, value)
    if sum(file.size or 0 for file, _ in unpacked.files) > max_bytes:
        raise _too_large(max_bytes)
    return unpacked


def short_name(path: str | None) -> str:
    """A file's name without its folders; of a long one the end, which has the suffix."""
    return PurePath(path or "").name[-LONGEST_NAME:]


def _field(name: str, value: str) -> str:
    if len(value) > LONGEST_FIELD:
        raise InputError(f"{name}: at most {LONGEST_FIELD} characters expected, found {len(value)}")
    return value
