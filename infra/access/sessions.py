"""Sessions of the console: a random cookie in the browser, its hash in the database.

A session belongs to a token, to somebody that an identity provider vouched for, or to the person at
this machine. It ends with its time, with its token, or when its person signs out.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, delete, select

from infra.access.scopes import Person, Scope
from infra.access.tables import AccessToken, ConsoleSession
from infra.access.tokens import digest_of, is_live, person_of
from infra.database import reading, session


@dataclass(frozen=True)
class SignedIn:
    """Somebody behind a cookie."""

    person: Person
    is_at_machine: bool  # came in without a token or a provider: the caller says whether that does


def begin_session(engine: Engine, token: AccessToken, lasts: timedelta) -> str:
    """Begin the session of the holder of a token; returns the cookie."""
    return _begin(engine, lasts, token_id=token.id, person=token.name)


def begin_provided_session(engine: Engine, person: Person, lasts: timedelta) -> str:
    """Begin the session of somebody that an identity provider vouched for."""
    return _begin(engine, lasts, person=person.name, scopes=sorted(person.scopes))


def begin_machine_session(engine: Engine, person: str, lasts: timedelta) -> str:
    """Begin the session of the person at this machine."""
    return _begin(engine, lasts, person=person)


def _begin(engine: Engine, lasts: timedelta, **columns: Any) -> str:
    cookie, now = secrets.token_urlsafe(32), datetime.now(UTC)
    row = ConsoleSession(digest=digest_of(cookie), begun_at=now, expires_at=now + lasts, **columns)
    with session(engine) as transaction:
        transaction.execute(delete(ConsoleSession).where(ConsoleSession.expires_at < now))
        transaction.add(row)
    return cookie


def end_session(engine: Engine, cookie: str) -> None:
    """Forget a session; one that is over already is no error."""
    with session(engine) as transaction:
        own = ConsoleSession.digest == digest_of(cookie)
        transaction.execute(delete(ConsoleSession).where(own))


def person_behind(engine: Engine, cookie: str) -> SignedIn | None:
    """Who is signed in with a cookie; None where the session is over.

    The person at this machine may do everything; it is for the caller to say whether they come in.
    """
    own = select(ConsoleSession).where(ConsoleSession.digest == digest_of(cookie))
    with reading(engine) as transaction:
        row = transaction.scalar(own)
        token = transaction.get(AccessToken, row.token_id) if row and row.token_id else None
    if row is None or row.expires_at <= datetime.now(UTC):
        return None
    if row.scopes is not None:
        return SignedIn(Person(row.person, frozenset(map(Scope, row.scopes))), False)
    if row.token_id is None:
        return SignedIn(Person(row.person, frozenset({Scope.ADMIN})), True)
    return SignedIn(person_of(token), False) if token is not None and is_live(token) else None
