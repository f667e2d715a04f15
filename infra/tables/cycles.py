"""Retraining cycles, what asked for them, and drift checks."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from infra.tables.base import Table


class CycleRequestRow(Table):
    """A request for a retraining cycle."""

    __tablename__ = "cycle_requests"

    id: Mapped[int] = mapped_column(primary_key=True)
    requested_at: Mapped[datetime]
    trigger: Mapped[str] = mapped_column(String(16))  # infra.ledger.Trigger
    reason: Mapped[str] = mapped_column(Text)
    cycle_id: Mapped[str | None] = mapped_column(ForeignKey("cycles.id"))  # None: waiting
    cause: Mapped[str | None] = mapped_column(Text)  # of requests by the same cause, one waits
    times: Mapped[int] = mapped_column(server_default="1", default=1)  # how often it was requested
    last_requested_at: Mapped[datetime | None]


class Cycle(Table):
    """One retraining cycle."""

    __tablename__ = "cycles"
    __table_args__ = (
        # the database allows one running cycle
        Index("one_running_cycle", "running", unique=True),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    started_at: Mapped[datetime]
    heartbeat_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    running: Mapped[bool | None]  # True, or None once ended: NULLs are never equal
    fencing_token: Mapped[int] = mapped_column(unique=True)
    outcome: Mapped[str | None] = mapped_column(String(16))  # infra.ledger.Outcome
    summary: Mapped[dict[str, Any] | None]


class DriftCheck(Table):
    """One drift check of a window of traffic."""

    __tablename__ = "drift_checks"

    id: Mapped[int] = mapped_column(primary_key=True)
    checked_at: Mapped[datetime]
    model_version: Mapped[int | None]
    status: Mapped[str] = mapped_column(String(16))  # ok | drift | insufficient
    report: Mapped[dict[str, Any]]
    cycle_request_id: Mapped[int | None] = mapped_column(ForeignKey("cycle_requests.id"))
