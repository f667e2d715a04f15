"""The score log, and what a challenger in shadow made of the same requests."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from infra.tables.base import Table


class ScoredRequest(Table):
    """One answered request: the score log."""

    __tablename__ = "scored_requests"
    __table_args__ = (
        Index("answers_of_a_version", "model_version", "scored_at"),
        Index("answers_of_a_source", "source", "scored_at"),
    )

    request_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    scored_at: Mapped[datetime] = mapped_column(index=True)
    model_version: Mapped[int]
    cm_score: Mapped[float]
    spoof_probability: Mapped[float]
    verdict: Mapped[str] = mapped_column(String(16))
    threshold: Mapped[float]
    duration_s: Mapped[float]
    windows: Mapped[int]
    features: Mapped[dict[str, float]]
    embedding_sketch: Mapped[list[float]]
    audio_sha256: Mapped[str] = mapped_column(String(64), index=True)
    audio_key: Mapped[str | None] = mapped_column(Text)  # object storage; None: not kept
    source: Mapped[str | None] = mapped_column(Text)
    speaker_id: Mapped[str | None] = mapped_column(Text, index=True)
    # {window_s, starts_s, cm_scores}: what the windows contributed; None of an older endpoint
    window_scores: Mapped[dict[str, Any] | None]
    # what was said by a policy: verdict, reason, channel …; None of POST /score
    judgement: Mapped[dict[str, Any] | None]
    release: Mapped[str | None] = mapped_column(String(64))  # infra.release; None: an older one

    @property
    def caller(self) -> str | None:
        """Who calls, as far as it is known: the speaker, else an hour of the source."""
        hour = f"{self.source} {self.scored_at:%Y-%m-%d %H}" if self.source else None
        return self.speaker_id or hour


class ShadowScore(Table):
    """The challenger's score of an answered request."""

    __tablename__ = "shadow_scores"

    request_id: Mapped[str] = mapped_column(
        ForeignKey("scored_requests.request_id"), primary_key=True
    )
    model_version: Mapped[int] = mapped_column(primary_key=True, index=True)
    scored_at: Mapped[datetime]
    cm_score: Mapped[float]
    verdict: Mapped[str] = mapped_column(String(16))
    threshold: Mapped[float]


class ShadowLook(Table):
    """One evaluation of the labels while a challenger runs in shadow."""

    __tablename__ = "shadow_looks"
    __table_args__ = (
        # of two processes at once, only one can write the look
        UniqueConstraint("shadow_id", "number", name="one_look_at_a_time"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    shadow_id: Mapped[str] = mapped_column(String(36))  # a tag of the version
    number: Mapped[int]  # 1, 2, 3 … of this shadow
    looked_at: Mapped[datetime]
    model_version: Mapped[int]
    champion: Mapped[int]
    recordings: Mapped[list[str]]  # SHA-256 of the recordings that count from this look on
    gains: Mapped[list[float]]  # one observation for each of their speakers or sources
    e_value: Mapped[float]
    decision: Mapped[str] = mapped_column(String(16))  # promote | drop | go on
    reason: Mapped[str] = mapped_column(Text)
    acting_since: Mapped[datetime | None]  # the time of the claim; renewed by each claim
    acted_at: Mapped[datetime | None]
