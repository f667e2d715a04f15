"""Alerts, and what became of them at each sink."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from infra.tables.base import Table


class AlertRow(Table):
    """An event that a person should know of; the same event has one row."""

    __tablename__ = "alerts"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)  # the id of its message, too
    key: Mapped[str] = mapped_column(String(200), unique=True)
    kind: Mapped[str] = mapped_column(String(32))  # monitoring.alerts.alert.AlertKind
    severity: Mapped[str] = mapped_column(String(16))
    title: Mapped[str] = mapped_column(Text)
    detail: Mapped[str] = mapped_column(Text)
    happened_at: Mapped[datetime]
    raised_at: Mapped[datetime] = mapped_column(index=True)


class AlertDelivery(Table):
    """An alert on its way to one sink."""

    __tablename__ = "alert_deliveries"
    __table_args__ = (Index("due_deliveries", "state", "next_attempt_at"),)

    alert_id: Mapped[str] = mapped_column(ForeignKey("alerts.id"), primary_key=True)
    sink: Mapped[str] = mapped_column(String(16), primary_key=True)  # webhook | email
    state: Mapped[str] = mapped_column(String(16))  # waiting | sent | dead
    attempts: Mapped[int]
    next_attempt_at: Mapped[datetime]
    claimed_until: Mapped[datetime | None]  # one process tries at a time
    ended_at: Mapped[datetime | None]
    error: Mapped[str | None] = mapped_column(Text)  # of the last attempt that failed
