"""Sessions of the console: a random cookie in the browser, its hash in the database.

A session ends with its time, with its token, or when its person signs out.
"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, delete, select

from infra.access.scopes import Person, Scope
from infra.access.tables import AccessToken, ConsoleSession
from infra.access.tokens import digest_of, is_live, person_of
from infra.database import reading, session


def begin_session(engine: Engine, token: AccessToken | None, person: str, lasts: timedelta) -> str:
    """Begin a session; returns the cookie. `token` None: of a person who needs none."""
    cookie, now = secrets.token_urlsafe(32), datetime.now(UTC)
    row = ConsoleSession(
        digest=digest_of(cookie),
        token_id=token.id if token else None,
        person=person,
        begun_at=now,
        expires_at=now + lasts,
    )
    with session(engine) as transaction:
        transaction.execute(delete(ConsoleSession).where(ConsoleSession.expires_at < now))
        transaction.add(row)
    return cookie


def end_session(engine: Engine, cookie: str) -> None:
    """Forget a session; one that is over already is no error."""
    with session(engine) as transaction:
        own = ConsoleSession.digest == digest_of(cookie)
        transaction.execute(delete(ConsoleSession).where(own))


def person_behind(engine: Engine, cookie: str) -> Person | None:
    """Who is signed in with a cookie; None where the session is over.

    A session without a token is that of the person at this machine, who may do everything. It is
    for the caller to say whether such a person is let in.
    """
    own = select(ConsoleSession).where(ConsoleSession.digest == digest_of(cookie))
    with reading(engine) as transaction:
        row = transaction.scalar(own)
        token = transaction.get(AccessToken, row.token_id) if row and row.token_id else None
    if row is None or row.expires_at <= datetime.now(UTC):
        return None
    if row.token_id is None:
        return Person(row.person, frozenset({Scope.ADMIN}))
    return person_of(token) if token is not None and is_live(token) else None
