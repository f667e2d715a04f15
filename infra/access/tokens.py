"""Tokens: made once, shown once, kept as a hash, revoked by name.

A token has 256 random bits, so that a plain SHA-256 of it can be kept: there is nothing to guess.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Collection
from datetime import UTC, datetime

from sqlalchemy import Engine, select, update
from sqlalchemy.exc import IntegrityError

from infra.access.scopes import Person, Scope
from infra.access.tables import AccessToken
from infra.database import reading, session
from infra.errors import AbsentError, ConflictError, SettingsError

LONGEST_TOKEN = 500
PREFIX = "antiphon_"  # by which a leaked token is recognised
_NAME = re.compile(r"[\w.@-]{1,64}")


def create_token(
    engine: Engine,
    name: str,
    scopes: Collection[Scope],
    made_by: str,
    expires_at: datetime | None = None,
) -> str:
    """Make a token; it is returned here and never again.

    Raises SettingsError for an unusable name or no scope, ConflictError for a name that was used.
    """
    if not is_name(name):
        raise SettingsError(
            f"name: letters, digits and _ . @ - expected, at most 64, found {name!r}"
        )
    if not scopes:
        raise SettingsError(f"a scope expected: {', '.join(Scope)}")
    token = PREFIX + secrets.token_urlsafe(32)
    row = AccessToken(
        name=name,
        digest=digest_of(token),
        scopes=sorted(Scope(scope).value for scope in scopes),
        made_at=_now(),
        made_by=made_by,
        expires_at=expires_at,
    )
    try:
        with session(engine) as transaction:
            transaction.add(row)
    except IntegrityError as error:
        raise ConflictError(
            f"a token with the name {name} was made before, and the audit log tells people apart "
            "by these names; another name expected"
        ) from error
    return token


def list_tokens(engine: Engine) -> list[AccessToken]:
    """Every token ever made, oldest first."""
    with reading(engine) as transaction:
        return list(transaction.scalars(select(AccessToken).order_by(AccessToken.id)))


def any_token(engine: Engine) -> bool:
    """Whether a token was ever made: from then on nobody comes in without one."""
    with reading(engine) as transaction:
        return transaction.scalar(select(AccessToken.id).limit(1)) is not None


def is_name(name: str) -> bool:
    """Whether people can be told apart by this name in the audit log."""
    return _NAME.fullmatch(name) is not None


def is_of_a_token(engine: Engine, name: str) -> bool:
    """Whether a token was ever made for this name."""
    with reading(engine) as transaction:
        own = select(AccessToken.id).where(AccessToken.name == name)
        return transaction.scalar(own) is not None


def revoke_token(engine: Engine, name: str) -> None:
    """End a token and the sessions that it began; raises AbsentError, ConflictError."""
    live = (AccessToken.name == name, AccessToken.revoked_at.is_(None))
    ended = update(AccessToken).where(*live).values(revoked_at=_now()).returning(AccessToken.id)
    with session(engine) as transaction:
        revoked = transaction.scalar(ended)
    if revoked is None:
        if name in {token.name for token in list_tokens(engine)}:
            raise ConflictError(f"the token {name} was revoked before")
        raise AbsentError(f"no token has the name {name}; `antiphon token list` shows them")


def may_be_token(text: str) -> bool:
    """Whether a text looks like a token at all, so that the database is worth asking."""
    return text.startswith(PREFIX) and len(text) <= LONGEST_TOKEN


def holder_of(engine: Engine, token: str) -> AccessToken | None:
    """The row of a token that is neither revoked nor expired."""
    if not may_be_token(token):
        return None
    with reading(engine) as transaction:
        row = transaction.scalar(select(AccessToken).where(AccessToken.digest == digest_of(token)))
    return row if row is not None and is_live(row) else None


def is_live(row: AccessToken) -> bool:
    """Whether a token opens anything now."""
    return row.revoked_at is None and (row.expires_at is None or _now() < row.expires_at)


def state_of(row: AccessToken) -> str:
    """For a list: valid, expired or revoked."""
    if row.revoked_at is not None:
        return "revoked"
    return "valid" if is_live(row) else "expired"


def person_of(row: AccessToken) -> Person:
    """The holder of a token."""
    return Person(row.name, frozenset(map(Scope, row.scopes)))


def digest_of(secret: str) -> str:
    """SHA-256 of a token or a cookie."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _now() -> datetime:
    return datetime.now(UTC)
