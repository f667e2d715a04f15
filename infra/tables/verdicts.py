"""What the gate has spent and judged."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from infra.tables.base import Table


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
