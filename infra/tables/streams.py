"""Live streams: what was said of each, and by which version."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from infra.tables.base import Table


class StreamRow(Table):
    """One live stream."""

    __tablename__ = "streams"
    __table_args__ = (Index("streams_of_a_call", "call_id", "opened_at"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    dialect: Mapped[str] = mapped_column(String(16))
    call_id: Mapped[str | None] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(16))  # open | ended | broken
    model_version: Mapped[int]
    opened_at: Mapped[datetime] = mapped_column(index=True)
    updated_at: Mapped[datetime]  # a worker that lives writes every few seconds
    ended_at: Mapped[datetime | None]
    verdict: Mapped[str] = mapped_column(String(16))
    duration_s: Mapped[float]
    speech_s: Mapped[float]
    close_code: Mapped[int | None]
    audio_key: Mapped[str | None] = mapped_column(Text)  # object storage; None: not kept
    release: Mapped[str | None] = mapped_column(String(64))
    answer: Mapped[dict[str, Any]]  # serving.streams.messages.StreamAnswer
