"""Field samples, the draws of the audit, the answers of reviewers, and the reviewers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column

from infra.tables.base import Table


class FieldSample(Table):
    """A scored request about which reviewers are asked."""

    __tablename__ = "field_samples"

    id: Mapped[int] = mapped_column(primary_key=True)
    request_id: Mapped[str] = mapped_column(ForeignKey("scored_requests.request_id"), unique=True)
    state: Mapped[str] = mapped_column(String(16), index=True)  # SampleState in infra.field_samples
    # both in infra.review.sample_states: Origin, Use
    origin: Mapped[str] = mapped_column(String(16), default="feedback", server_default="feedback")
    use: Mapped[str] = mapped_column(String(8), default="train", server_default="train")
    flagged_at: Mapped[datetime]
    quarantined_at: Mapped[datetime | None]
    claimed_label: Mapped[str | None] = mapped_column(String(16))  # None: nobody claims anything
    claimed_attack_id: Mapped[str | None] = mapped_column(String(128))
    comment: Mapped[str | None] = mapped_column(Text)
    category: Mapped[str | None] = mapped_column(String(16))  # how the client knows, by its word
    audio_key: Mapped[str | None] = mapped_column(Text)
    # whether it came with the claim, from its client
    audio_sent: Mapped[bool] = mapped_column(default=False, server_default=false())
    pcm_sha256: Mapped[str | None] = mapped_column(String(64), index=True)  # of decoded samples
    cluster: Mapped[str | None] = mapped_column(String(64), index=True)  # of embeddings
    held: Mapped[str | None] = mapped_column(Text)  # why it may not train; "": a person cleared it
    locked_by: Mapped[str | None] = mapped_column(String(128))
    locked_until: Mapped[datetime | None]
    awaits_expert: Mapped[bool] = mapped_column(default=False, server_default=false())
    reviewed_at: Mapped[datetime | None]
    reviewer: Mapped[str | None] = mapped_column(String(128))  # whose answer completed it
    label: Mapped[str | None] = mapped_column(String(16))  # the reviewers' word, or none
    attack_id: Mapped[str | None] = mapped_column(String(128))
    dataset_revision: Mapped[str | None] = mapped_column(
        String(64)
    )  # the first with it, or LEFT_OUT


class LabelRevision(Table):
    """One answer of a reviewer, or its undoing; triggers refuse a change of a row."""

    __tablename__ = "label_revisions"
    __table_args__ = (
        UniqueConstraint("reviewer", "key", name="one_answer_a_key"),
        Index("revisions_of_a_sample", "sample_id", "reviewer"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    sample_id: Mapped[int] = mapped_column(ForeignKey("field_samples.id"))
    reviewer: Mapped[str] = mapped_column(String(128))
    expert: Mapped[bool]  # whether the reviewer was one at the time
    at: Mapped[datetime]
    label: Mapped[str | None] = mapped_column(String(16))  # None: it undoes `undoes`
    undoes: Mapped[int | None] = mapped_column(ForeignKey("label_revisions.id"), unique=True)
    attack_id: Mapped[str | None] = mapped_column(String(128))
    reasons: Mapped[list[str]]
    regions: Mapped[list[dict[str, Any]]]  # start_s, end_s, label, channel
    seconds: Mapped[float | None]  # from the clip's appearance to the answer
    gold: Mapped[str | None] = mapped_column(String(16))  # the known answer of a gold item
    batch: Mapped[str | None] = mapped_column(String(36), index=True)  # of a cluster labelled once
    key: Mapped[str] = mapped_column(String(64))  # made by the client: a repeat adds no row


class Reviewer(Table):
    """A person who labels; without any row, everybody is an expert."""

    __tablename__ = "reviewers"

    name: Mapped[str] = mapped_column(String(128), primary_key=True)
    expert: Mapped[bool]
    added_at: Mapped[datetime]


class AuditDraw(Table):
    """A request that the random audit drew."""

    __tablename__ = "audit_draws"

    request_id: Mapped[str] = mapped_column(
        ForeignKey("scored_requests.request_id"), primary_key=True
    )
    drawn_at: Mapped[datetime]
    model_version: Mapped[int] = mapped_column(index=True)
    probability: Mapped[float]  # with which it was drawn
    kept: Mapped[bool]  # whether there was a recording to listen to
