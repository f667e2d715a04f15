"""Idempotency-Key: a request that is sent again has its first answer, and no second effect."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Awaitable, Callable
from functools import partial

from pydantic import BaseModel
from sqlalchemy import Engine
from starlette.requests import Request
from starlette.responses import Response

from infra.calls.idempotency import keep, release_key, reserve
from infra.errors import ConflictError
from models.errors import InputError
from serving.api.database_calls import in_database
from serving.door import Door
from serving.errors import KeyUsedError, NotReadyError, RefusedError

log = logging.getLogger(__name__)

HEADER = "Idempotency-Key"
REPLAYED = {"Idempotent-Replayed": "true"}
_KEY = re.compile(r"[\x21-\x7e]{1,128}")
USE = (
    "Letters, digits and signs, at most 128, that you make up for this request: sent again "
    "within a day, the same request has the same answer and no second effect."
)


def request_digest(request: Request, *parts: bytes) -> str:
    """SHA-256 of what a request asks for."""
    digest = hashlib.sha256(f"{request.method} {request.url.path}?{request.url.query}".encode())
    for part in parts:
        digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()


async def once(
    request: Request,
    digest: str,
    work: Callable[[], Awaitable[BaseModel]],
    *,
    needs_key: bool = True,
) -> BaseModel | Response:
    """The answer of `work`, or the kept one of an earlier request with the same key.

    Raises KeyUsedError where the key belongs to another request. Without a database to look up
    the key, the work is done only where it `needs` none: a second score does no harm.
    """
    key = _key_of(request)
    if key is None:
        return await work()
    engine = _engine(request)
    caller = request.state.caller[:64]
    try:
        kept = await in_database(
            "idempotency keys cannot be looked up",
            lambda: reserve(engine(), caller, key, digest),
        )
    except ConflictError as error:
        raise KeyUsedError(f"{HEADER}: {error}") from error
    except NotReadyError:
        if needs_key:
            raise
        return await work()
    if kept is not None:
        return Response(kept, 200, REPLAYED, media_type="application/json")
    return await _first(work, partial(_end, engine, caller, key))


async def _first(
    work: Callable[[], Awaitable[BaseModel]], end: Callable[[str | None], Awaitable[None]]
) -> BaseModel:
    try:
        answer = await work()
    except (RefusedError, InputError):
        await end(None)
        raise
    await end(answer.model_dump_json())
    return answer


async def _end(engine: Callable[[], Engine], caller: str, key: str, document: str | None) -> None:
    """Keep an answer, or give the key up; what was done stays done where that fails."""

    def end() -> None:
        if document is None:
            release_key(engine(), caller, key)
        else:
            keep(engine(), caller, key, document)

    try:
        await in_database("the answer cannot be kept", end)
    except NotReadyError as error:
        log.warning("an idempotency key has no answer: %s", error)


def _key_of(request: Request) -> str | None:
    key = request.headers.get(HEADER)
    if key is not None and not _KEY.fullmatch(key):
        raise InputError(f"{HEADER}: 1 to 128 printable ASCII characters without spaces expected")
    return key


def _engine(request: Request) -> Callable[[], Engine]:
    door: Door = request.app.state.door
    return door.score_log.engine
