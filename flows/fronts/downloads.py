"""One file from an address, continued where an earlier run stopped."""

from __future__ import annotations

from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from infra.errors import UnreachableError, reason_of

TIMEOUT_S = 10.0  # without an answer, or without a byte of it
BLOCK = 1 << 18  # bytes read at once
PARTIAL_CONTENT = 206
OUT_OF_RANGE = 416
Advance = Callable[[int, int | None], None]  # bytes that are here, and of all where known


def download(address: str, path: Path, advance: Advance = lambda _here, _total: None) -> None:
    """Write what is at an address to `path`, appending where `path` holds the beginning of it.

    Raises UnreachableError with the reason; what had arrived stays at `path` for the next run.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    here = path.stat().st_size if path.is_file() else 0
    request = Request(address, headers={"Range": f"bytes={here}-"} if here else {})
    try:
        with urlopen(request, timeout=TIMEOUT_S) as answer:
            if answer.status != PARTIAL_CONTENT:
                here = 0  # the server sends all of it
            length = answer.headers.get("Content-Length")
            total = here + int(length) if length and length.isdigit() else None
            with path.open("ab" if here else "wb") as stream:
                while block := answer.read(BLOCK):
                    stream.write(block)
                    here += len(block)
                    advance(here, total)
    except (OSError, HTTPException) as error:
        if getattr(error, "code", None) == OUT_OF_RANGE:
            return  # all of it was here already
        raise UnreachableError(f"{urlsplit(address).netloc}: {_reason(error)}") from error
    if total is not None and here < total:
        raise UnreachableError(f"{urlsplit(address).netloc}: the connection ended early")


def _reason(error: Exception) -> str:
    """Why, without the brackets that urllib puts around it."""
    return reason_of(error).removeprefix("<urlopen error ").removesuffix(">")
