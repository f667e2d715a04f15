"""What was answered: a reviewer's own work, and everything once one's own answer is there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median

from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from infra.database import reading
from infra.errors import ConflictError
from infra.review.reviewers import is_expert
from infra.review.sample_states import OPEN, SampleState, UnknownSampleError, Use
from infra.review.votes import answered_by, stands
from infra.tables import FieldSample, LabelRevision, ScoredRequest

PACE_OF = 50  # last answers


@dataclass(frozen=True)
class Revealed:
    """A sample once the reviewer's own answer is there."""

    request: ScoredRequest  # with its score, verdict, threshold, source
    origin: str
    claimed_label: str | None
    claimed_attack_id: str | None
    comment: str | None
    category: str | None  # how the client knows
    revisions: Sequence[LabelRevision]  # of all reviewers, oldest first; of a gold item one's own


@dataclass(frozen=True)
class QueueCounts:
    """The progress of a reviewer, and of all."""

    waiting: int  # for this reviewer
    done_today: int  # by this reviewer, UTC
    seconds: float | None  # median of the reviewer's last answers; None: none was timed
    flagged: int  # over the caps, or not let in yet
    states: dict[str, int]  # SampleState -> samples


def revealed(engine: Engine, sample_id: int, reviewer: str) -> Revealed:
    """What others said of a sample, and the detector; raises ConflictError before one's answer."""
    with reading(engine) as transaction:
        sample = transaction.get(FieldSample, sample_id)
        if sample is None:
            raise UnknownSampleError(f"no field sample with the id {sample_id}")
        mine = select(FieldSample.id).where(FieldSample.id == sample_id, answered_by(reviewer))
        if transaction.execute(mine).first() is None:
            raise ConflictError(
                f"field sample {sample_id}: what others say of it is shown after your answer"
            )
        query = select(LabelRevision).where(LabelRevision.sample_id == sample_id)
        if sample.use == Use.GOLD:
            query = query.where(LabelRevision.reviewer == reviewer)
        return Revealed(
            request=transaction.get_one(ScoredRequest, sample.request_id),
            origin="" if sample.use == Use.GOLD else sample.origin,
            claimed_label=sample.claimed_label,
            claimed_attack_id=sample.claimed_attack_id,
            comment=sample.comment,
            category=sample.category,
            revisions=transaction.scalars(query.order_by(LabelRevision.id)).all(),
        )


def history(engine: Engine, sample_id: int) -> list[LabelRevision]:
    """Every revision of a sample, oldest first: for those who may see the work of all."""
    query = select(LabelRevision).where(LabelRevision.sample_id == sample_id)
    with reading(engine) as transaction:
        return list(transaction.scalars(query.order_by(LabelRevision.id)))


def recent_answers(engine: Engine, reviewer: str, at_most: int = PACE_OF) -> list[LabelRevision]:
    """A reviewer's own last revisions, newest first."""
    with reading(engine) as transaction:
        return _recent(transaction, reviewer, at_most)


def counts(engine: Engine, reviewer: str) -> QueueCounts:
    """How far a reviewer is; gold items are not counted as waiting."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    mine = LabelRevision.reviewer == reviewer
    with reading(engine) as transaction:
        rows = transaction.execute(
            select(FieldSample.state, func.count()).group_by(FieldSample.state)
        )
        states = {state: count for state, count in rows}
        done = select(func.count()).select_from(LabelRevision)
        done = done.where(mine, stands(), LabelRevision.at >= today)
        times = [row.seconds for row in _recent(transaction, reviewer, PACE_OF)]
        timed = [seconds for seconds in times if seconds is not None]
        return QueueCounts(
            waiting=_waiting(transaction, reviewer),
            done_today=transaction.scalar(done) or 0,
            seconds=median(timed) if timed else None,
            flagged=states.get(SampleState.FLAGGED, 0),
            states=states,
        )


def _recent(transaction: Session, reviewer: str, at_most: int) -> list[LabelRevision]:
    query = select(LabelRevision).where(LabelRevision.reviewer == reviewer)
    return list(transaction.scalars(query.order_by(LabelRevision.id.desc()).limit(at_most)))


def _waiting(transaction: Session, reviewer: str) -> int:
    query = select(func.count()).select_from(FieldSample)
    query = query.where(FieldSample.state.in_(OPEN), FieldSample.state != SampleState.FLAGGED)
    query = query.where(FieldSample.audio_key.is_not(None), ~answered_by(reviewer))
    if not is_expert(transaction, reviewer):
        query = query.where(FieldSample.awaits_expert.is_(False))
    return transaction.scalar(query) or 0
