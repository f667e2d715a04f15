"""The tables of access; a change here needs a revision, as in infra.tables."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from infra.tables import Table


class AccessToken(Table):
    """A token with its scopes; the token itself is kept nowhere."""

    __tablename__ = "access_tokens"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)  # of its holder, in the audit log
    digest: Mapped[str] = mapped_column(String(64), unique=True)  # SHA-256 of the token
    scopes: Mapped[list[str]]
    made_at: Mapped[datetime]
    made_by: Mapped[str] = mapped_column(String(128))
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class ConsoleSession(Table):
    """A browser that is signed in to the console."""

    __tablename__ = "console_sessions"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)  # SHA-256 of the cookie
    token_id: Mapped[int | None] = mapped_column(ForeignKey("access_tokens.id"))
    person: Mapped[str] = mapped_column(String(128))
    scopes: Mapped[list[str] | None]  # of the identity provider; None: of the token or the machine
    begun_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)


class PromotionPause(Table):
    """A time in which no promotion is automatic."""

    __tablename__ = "promotion_pauses"

    id: Mapped[int] = mapped_column(primary_key=True)
    begun_at: Mapped[datetime]
    begun_by: Mapped[str] = mapped_column(String(128))
    reason: Mapped[str] = mapped_column(Text)
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[str | None] = mapped_column(String(128))


class Approval(Table):
    """A registered version that won and waits for a person, or did."""

    __tablename__ = "approvals"

    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    champion: Mapped[int | None]  # that it was compared with
    verdict: Mapped[str] = mapped_column(Text)  # the reason of the verdict
    asked_at: Mapped[datetime]
    asked_by: Mapped[str] = mapped_column(String(128))
    decision: Mapped[str | None] = mapped_column(String(16))  # approved | declined | superseded
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[str | None] = mapped_column(String(128))
