"""The queue of a reviewer: one sample at a time, locked for a while, without what others said.

A lock that has run out frees its sample. An answer is taken as long as nobody else has the lock.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Engine, Select, func, or_, select, update
from sqlalchemy.orm import Session

from infra.database import session
from infra.errors import ConflictError
from infra.review.intake import quarantine
from infra.review.reviewers import is_expert
from infra.review.rule import ReviewRule
from infra.review.sample_states import OPEN, SampleState, UnknownSampleError, Use
from infra.review.votes import answered_by
from infra.tables import FieldSample, LabelRevision, ScoredRequest


@dataclass(frozen=True)
class ReviewItem:
    """A recording to judge: all that a reviewer may know before the answer."""

    sample_id: int
    audio_key: str | None  # None: nothing was kept, it can only be unusable
    duration_s: float
    locked_until: datetime


def next_item(
    engine: Engine, reviewer: str, rule: ReviewRule, besides: Collection[int] = ()
) -> ReviewItem | None:
    """Lock the next sample for a reviewer, or return the one already locked; None: none waits.

    `besides` names samples that the reviewer has open, so that the next can be loaded before.
    """
    with session(engine) as transaction:
        quarantine(transaction, rule)
        for query in _offers(transaction, reviewer, rule, besides):
            row = transaction.execute(query.limit(1)).first()
            if row is not None:
                return _lock(transaction, row[0], row[1], reviewer, rule)
    return None


def take_item(engine: Engine, sample_id: int, reviewer: str, rule: ReviewRule) -> ReviewItem:
    """Lock a named sample for a reviewer.

    Raises ConflictError where another has it, the reviewer has judged it or it is decided, and
    UnknownSampleError.
    """
    with session(engine) as transaction:
        wanted = _items(reviewer, (FieldSample.id == sample_id) & _can_be_judged())
        row = transaction.execute(wanted).first()
        if row is None:
            raise ConflictError(_refusal(transaction, sample_id, reviewer))
        return _lock(transaction, row[0], row[1], reviewer, rule)


def release(engine: Engine, sample_id: int, reviewer: str) -> None:
    """Give a lock back, as when a reviewer skips or leaves; nothing if it is another's."""
    free = update(FieldSample).where(FieldSample.id == sample_id, FieldSample.locked_by == reviewer)
    with session(engine) as transaction:
        transaction.execute(free.values(locked_by=None, locked_until=None))


def _offers(
    transaction: Session, reviewer: str, rule: ReviewRule, besides: Collection[int]
) -> list[Select[Any]]:
    """Queries in the order in which they are tried; each gives an item and its request."""
    others = FieldSample.id.not_in(besides) & FieldSample.audio_key.is_not(None)
    mine = _items(reviewer, others & (FieldSample.locked_by == reviewer) & _can_be_judged())
    mine = mine.order_by(FieldSample.id)
    is_waiting = FieldSample.state.in_((SampleState.IN_REVIEW, SampleState.QUARANTINED))
    waiting = _items(reviewer, others & is_waiting)
    if not is_expert(transaction, reviewer):
        waiting = waiting.where(FieldSample.awaits_expert.is_(False))
    # what somebody has begun first: state "in review" stands before "quarantined" in the alphabet
    waiting = waiting.order_by(FieldSample.state, FieldSample.id)
    gold = _items(reviewer, others & _is_gold())
    turn = _turn(transaction, reviewer)
    gold = gold.order_by((FieldSample.id * 7919 + turn * 104_729) % 1_000_003)
    is_turn_of_gold = _share(f"{reviewer} {turn}") < rule.gold_share
    return [mine, gold, waiting] if is_turn_of_gold else [mine, waiting]


def _items(reviewer: str, condition: ColumnElement[bool]) -> Select[Any]:
    """Samples and the seconds of their requests that are free and not judged by a reviewer."""
    return (
        select(FieldSample, ScoredRequest.duration_s)
        .join(ScoredRequest, ScoredRequest.request_id == FieldSample.request_id)
        .where(condition, _is_free(reviewer), ~answered_by(reviewer))
        # of two at once, the second passes over what the first is taking
        .with_for_update(of=FieldSample, skip_locked=True)
    )


def _is_gold() -> ColumnElement[bool]:
    return (FieldSample.use == Use.GOLD) & (FieldSample.state == SampleState.ACCEPTED)


def _can_be_judged() -> ColumnElement[bool]:
    return or_(FieldSample.state.in_(OPEN), _is_gold())


def _is_free(reviewer: str) -> ColumnElement[bool]:
    return or_(
        FieldSample.locked_until.is_(None),
        FieldSample.locked_until < datetime.now(UTC),
        FieldSample.locked_by == reviewer,
    )


def _lock(
    transaction: Session, sample: FieldSample, duration_s: float, reviewer: str, rule: ReviewRule
) -> ReviewItem:
    until = datetime.now(UTC) + timedelta(minutes=rule.lock_min)
    is_open = sample.state in OPEN
    step = update(FieldSample).where(FieldSample.id == sample.id, _is_free(reviewer))
    values: dict[str, Any] = {"locked_by": reviewer, "locked_until": until}
    if is_open:
        step = step.where(FieldSample.state.in_(OPEN))
        values["state"] = SampleState.IN_REVIEW
    transaction.execute(step.values(**values))
    return ReviewItem(sample.id, sample.audio_key, duration_s, until)


def _refusal(transaction: Session, sample_id: int, reviewer: str) -> str:
    sample = transaction.get(FieldSample, sample_id)
    if sample is None:
        raise UnknownSampleError(f"no field sample with the id {sample_id}")
    by = f" by {sample.reviewer}" if sample.reviewer else ""
    if sample.state not in OPEN and sample.use != Use.GOLD:
        return f"field sample {sample_id} cannot be judged: it is {sample.state}{by}"
    is_mine = select(FieldSample.id).where(FieldSample.id == sample_id, answered_by(reviewer))
    if transaction.execute(is_mine).first() is not None:
        return f"field sample {sample_id}: {reviewer} has judged it; undo that to do it again"
    return (
        f"field sample {sample_id} is {sample.locked_by}'s to judge until "
        f"{sample.locked_until:%H:%M} UTC"
    )


def _turn(transaction: Session, reviewer: str) -> int:
    """How many answers a reviewer has given; a repeated request asks for the same item."""
    mine = LabelRevision.reviewer == reviewer
    return transaction.scalar(select(func.count()).select_from(LabelRevision).where(mine)) or 0


def _share(text: str) -> float:
    """A number in [0, 1) that a text always gives."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) / 2**64
