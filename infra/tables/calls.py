"""What clients of the endpoint left with it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from infra.tables.base import Table


class IdempotentAnswer(Table):
    """A request that its client named by a key, and its answer."""

    __tablename__ = "idempotent_answers"

    caller: Mapped[str] = mapped_column(
        String(64), primary_key=True
    )  # hash of the token, or address
    key: Mapped[str] = mapped_column(String(128), primary_key=True)
    request_sha256: Mapped[str] = mapped_column(String(64))  # of path, query and body
    made_at: Mapped[datetime] = mapped_column(index=True)
    document: Mapped[str | None] = mapped_column(Text)  # JSON; None: not answered yet


class JobRow(Table):
    """Recordings that a client left to be scored, and what became of them."""

    __tablename__ = "jobs"
    __table_args__ = (Index("jobs_by_state", "state", "made_at"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    made_at: Mapped[datetime]
    caller: Mapped[str] = mapped_column(String(64))  # hash of the token, or address
    state: Mapped[str] = mapped_column(String(16))  # infra.calls.jobs.JobState
    files: Mapped[list[dict[str, Any]]]  # name, and its key in the object store
    options: Mapped[dict[str, Any]]  # what was said about them
    webhook_url: Mapped[str | None] = mapped_column(Text)
    attempts: Mapped[int] = mapped_column(default=0, server_default="0")
    claimed_until: Mapped[datetime | None]  # one worker works on it at a time
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None] = mapped_column(index=True)
    error: Mapped[str | None] = mapped_column(Text)  # why the whole job failed


class JobResultRow(Table):
    """What became of one recording of a job."""

    __tablename__ = "job_results"

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)  # 0, 1, 2, …
    status: Mapped[int]  # 200, or that of its refusal
    document: Mapped[str] = mapped_column(Text)  # JSON
