"""antiphon's tables; MLflow and Prefect have their own.

A change here needs a revision in infra/migrations/versions, which makes the same change.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    DateTime,
    ForeignKey,
    Index,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class UtcDateTime(TypeDecorator[datetime]):
    """A time with a zone: SQLite drops zones, so reading restores UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:  # noqa: ARG002
        """Convert to UTC; refuses a time without a zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a datetime with a time zone expected")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:  # noqa: ARG002
        """Return it in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Table(DeclarativeBase):
    """The base of every table."""

    type_annotation_map = {  # noqa: RUF012  SQLAlchemy reads it from the class
        datetime: UtcDateTime,
        dict[str, float]: JSON,
        list[float]: JSON,
        list[str]: JSON,
        dict[str, Any]: JSON,
    }


class ScoredRequest(Table):
    """One answered request: the score log."""

    __tablename__ = "scored_requests"
    __table_args__ = (Index("answers_of_a_version", "model_version", "scored_at"),)

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
    audio_sha256: Mapped[str] = mapped_column(String(64))
    audio_key: Mapped[str | None] = mapped_column(Text)  # object storage; None: not kept
    source: Mapped[str | None] = mapped_column(Text)
    speaker_id: Mapped[str | None] = mapped_column(Text)


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


class FieldSample(Table):
    """A scored request that was reported as wrong."""

    __tablename__ = "field_samples"

    id: Mapped[int] = mapped_column(primary_key=True)
    request_id: Mapped[str] = mapped_column(ForeignKey("scored_requests.request_id"), unique=True)
    state: Mapped[str] = mapped_column(String(16), index=True)  # SampleState in infra.field_samples
    flagged_at: Mapped[datetime]
    claimed_label: Mapped[str] = mapped_column(String(16))
    claimed_attack_id: Mapped[str | None] = mapped_column(String(128))
    comment: Mapped[str | None] = mapped_column(Text)
    audio_key: Mapped[str | None] = mapped_column(Text)
    reviewed_at: Mapped[datetime | None]
    reviewer: Mapped[str | None] = mapped_column(String(128))
    label: Mapped[str | None] = mapped_column(String(16))  # the reviewer's word, or none
    attack_id: Mapped[str | None] = mapped_column(String(128))
    dataset_revision: Mapped[str | None] = mapped_column(
        String(64)
    )  # the first with it, or LEFT_OUT


class CycleRequestRow(Table):
    """A request for a retraining cycle."""

    __tablename__ = "cycle_requests"

    id: Mapped[int] = mapped_column(primary_key=True)
    requested_at: Mapped[datetime]
    trigger: Mapped[str] = mapped_column(String(16))  # infra.ledger.Trigger
    reason: Mapped[str] = mapped_column(Text)
    cycle_id: Mapped[str | None] = mapped_column(ForeignKey("cycles.id"))  # None: waiting


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


class SetComparison(Table):
    """The use of one version of an evaluation set by one verdict."""

    __tablename__ = "comparisons"
    # a retried verdict counts once
    __table_args__ = (UniqueConstraint("run_id", "set_name", "version"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[str] = mapped_column(String(64))  # the candidate's, in MLflow
    set_name: Mapped[str] = mapped_column(String(32))
    version: Mapped[str] = mapped_column(String(64), index=True)  # SHA-256 of trials and audio
    cycle_id: Mapped[str | None] = mapped_column(String(36))  # None: `antiphon register`
    bonafide: Mapped[int]
    spoof: Mapped[int]
    clusters: Mapped[int]
    level: Mapped[float]  # of the error budget that was spent
    decision: Mapped[str] = mapped_column(String(16))  # promote | reject | shadow
    compared_at: Mapped[datetime]


class SetTrials(Table):
    """The trials of one version of an evaluation set on which a gain was tested for."""

    __tablename__ = "set_trials"

    version: Mapped[str] = mapped_column(String(64), primary_key=True)
    trials: Mapped[bytes]  # 64 bits of the hash of each one's audio, sorted, little-endian


class JudgedQuestion(Table):
    """The verdict on two detectors by the same rules on the same sets: it is given once."""

    __tablename__ = "judged_questions"

    question: Mapped[str] = mapped_column(String(64), primary_key=True)  # SHA-256
    run_id: Mapped[str] = mapped_column(String(64))  # of the candidate that was judged first
    verdict: Mapped[str] = mapped_column(Text)  # JSON of models.promotion.Verdict
    judged_at: Mapped[datetime]


class DriftCheck(Table):
    """One drift check of a window of traffic."""

    __tablename__ = "drift_checks"

    id: Mapped[int] = mapped_column(primary_key=True)
    checked_at: Mapped[datetime]
    model_version: Mapped[int | None]
    status: Mapped[str] = mapped_column(String(16))  # ok | drift | insufficient
    report: Mapped[dict[str, Any]]
    cycle_request_id: Mapped[int | None] = mapped_column(ForeignKey("cycle_requests.id"))


class AuditRow(Table):
    """One decision or action; triggers refuse a change of a row. See infra.audit."""

    __tablename__ = "audit_log"

    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)  # 1, 2, 3, …
    at: Mapped[str] = mapped_column(String(32))  # UTC; text, because its bytes are hashed
    event: Mapped[str] = mapped_column(String(32))
    actor: Mapped[str] = mapped_column(Text)
    document: Mapped[str] = mapped_column(Text)  # canonical JSON
    key_id: Mapped[str] = mapped_column(String(16))
    previous: Mapped[str] = mapped_column(String(64), unique=True)  # no two rows follow one
    hash: Mapped[str] = mapped_column(String(64), unique=True)
    signature: Mapped[str] = mapped_column(String(128))
