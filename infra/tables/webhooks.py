"""Messages to the addresses of clients."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from infra.tables.base import Table


class WebhookMessage(Table):
    """One signed message on its way to one address; a dead one was given up."""

    __tablename__ = "webhook_messages"
    __table_args__ = (Index("due_messages", "state", "next_attempt_at"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)  # webhook-id
    key: Mapped[str] = mapped_column(String(200), unique=True)  # of the event: it is told once
    kind: Mapped[str] = mapped_column(String(64))  # `type` of the document
    url: Mapped[str] = mapped_column(Text)
    receiver: Mapped[str] = mapped_column(String(300))  # scheme, host and port of the URL
    body: Mapped[str] = mapped_column(Text)  # JSON, as it is signed
    made_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(16))  # waiting | sent | dead
    attempts: Mapped[int]
    next_attempt_at: Mapped[datetime]
    claimed_until: Mapped[datetime | None]  # one process tries at a time
    ended_at: Mapped[datetime | None] = mapped_column(index=True)
    error: Mapped[str | None] = mapped_column(Text)  # of the last attempt that failed
