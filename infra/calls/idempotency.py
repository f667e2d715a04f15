"""Answers kept under keys of clients, so that a request that is sent again has no second effect.

A key belongs to one caller for a day. It is reserved before the work begins, so that of two
requests with one key and different bodies only the first has an effect.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, Engine, delete, update
from sqlalchemy.exc import IntegrityError

from infra.database import reading, session
from infra.errors import ConflictError
from infra.tables import IdempotentAnswer

KEPT = timedelta(hours=24)


def reserve(engine: Engine, caller: str, key: str, request_sha256: str) -> str | None:
    """The kept answer of the same request; None if it is to be answered now.

    Raises ConflictError if the key belongs to another request.
    """
    _forget_old(engine)
    now = datetime.now(UTC)
    row = IdempotentAnswer(caller=caller, key=key, request_sha256=request_sha256, made_at=now)
    try:
        with session(engine) as transaction:
            transaction.add(row)
    except IntegrityError:
        return _kept(engine, caller, key, request_sha256)
    return None


def keep(engine: Engine, caller: str, key: str, document: str) -> None:
    """Keep the answer (JSON) of a reserved key."""
    with session(engine) as transaction:
        transaction.execute(
            update(IdempotentAnswer).where(*_of(caller, key)).values(document=document)
        )


def release_key(engine: Engine, caller: str, key: str) -> None:
    """Give up a reserved key whose request was refused: a corrected one may use it."""
    unanswered = (*_of(caller, key), IdempotentAnswer.document.is_(None))
    with session(engine) as transaction:
        transaction.execute(delete(IdempotentAnswer).where(*unanswered))


def _kept(engine: Engine, caller: str, key: str, request_sha256: str) -> str | None:
    with reading(engine) as transaction:
        row = transaction.get(IdempotentAnswer, (caller, key))
    if row is None:  # given up between the two statements
        return None
    if row.request_sha256 != request_sha256:
        raise ConflictError(
            "the key belongs to a request with another body or path; a new key expected"
        )
    return row.document


def _of(caller: str, key: str) -> tuple[ColumnElement[bool], ...]:
    return IdempotentAnswer.caller == caller, IdempotentAnswer.key == key


def _forget_old(engine: Engine) -> None:
    old = delete(IdempotentAnswer).where(IdempotentAnswer.made_at < datetime.now(UTC) - KEPT)
    with session(engine) as transaction:
        transaction.execute(old)
