"""Answers and undoings: each is a revision, and none is ever changed.

The client makes the key of a revision. The same key again returns the same revision, so that a
client that was cut off between question and answer can safely ask again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from infra.database import reading, session
from infra.errors import AbsentError, ConflictError
from infra.review.answers import Answer
from infra.review.revisions import add_revision, derived_key, settle
from infra.review.rule import ReviewRule
from infra.review.sample_states import LABELS, ClaimError, SampleState, UnknownSampleError, Use
from infra.review.votes import stands
from infra.tables import FieldSample, LabelRevision, ScoredRequest

LONGEST_KEY = 64


class LostLockError(ConflictError):
    """The sample is no longer this reviewer's to judge; nothing was stored."""


@dataclass(frozen=True)
class StoredRevision:
    """A revision that was stored: now, or by an earlier request with its key."""

    revision_id: int
    sample_id: int
    label: str | None  # None: an answer was undone
    is_repeat: bool


def submit(
    engine: Engine, sample_id: int, reviewer: str, answer: Answer, key: str, rule: ReviewRule
) -> StoredRevision:
    """Store an answer to a sample that the reviewer has locked, and what follows from it.

    Raises ClaimError for an impossible answer or a key of another sample, LostLockError where the
    lock has passed to another or the sample is decided, and UnknownSampleError.
    """

    def judge(transaction: Session) -> LabelRevision:
        sample = _locked(transaction, sample_id)
        request = transaction.get_one(ScoredRequest, sample.request_id)
        answer.check(request.duration_s)
        if answer.label in LABELS and sample.audio_key is None:
            raise ConflictError(
                f"field sample {sample_id} cannot be accepted: its audio was not kept"
            )
        _unlock(transaction, sample, reviewer)
        gold = sample.label if sample.use == Use.GOLD else None
        revision = add_revision(transaction, sample, reviewer, key, gold=gold, **answer.columns())
        if gold is None:
            settle(transaction, sample, reviewer, rule)
        return revision

    return _once(engine, reviewer, key, sample_id, judge)


def undo(
    engine: Engine, reviewer: str, key: str, rule: ReviewRule, sample_id: int | None = None
) -> StoredRevision:
    """Undo the reviewer's last standing answer, or that to one sample, and lock it for a new one.

    An answer to a whole cluster is undone for all of its samples, and none of them is locked.
    Raises AbsentError where there is none, ConflictError where the sample was erased.
    """

    def take_back(transaction: Session) -> LabelRevision:
        last = _last(transaction, reviewer, sample_id)
        sample = _locked(transaction, last.sample_id)
        if sample.state == SampleState.ERASED:
            raise ConflictError(f"field sample {sample.id} was erased: its answers stay")
        revision = _undone(transaction, sample, last, key, rule)
        if last.batch is None:
            _lock_again(transaction, sample, reviewer, rule)
        for other in _others_of_batch(transaction, last):
            other_sample = _locked(transaction, other.sample_id)
            if other_sample.state != SampleState.ERASED:
                _undone(transaction, other_sample, other, derived_key(key, other.sample_id), rule)
        return revision

    return _once(engine, reviewer, key, sample_id, take_back)


def _once(
    engine: Engine,
    reviewer: str,
    key: str,
    sample_id: int | None,
    act: Callable[[Session], LabelRevision],
) -> StoredRevision:
    """Do it, unless the key tells that it was done."""
    if not 0 < len(key) <= LONGEST_KEY:
        raise ClaimError(f"key: 1 to {LONGEST_KEY} characters expected, found {len(key)}")
    try:
        with session(engine) as transaction:
            earlier = _by_key(transaction, reviewer, key, sample_id)
            return earlier or _judged(act(transaction), is_repeat=False)
    except (IntegrityError, LostLockError):
        with reading(engine) as transaction:  # the same request at the same time was first
            earlier = _by_key(transaction, reviewer, key, sample_id)
        if earlier is None:
            raise
        return earlier


def _by_key(
    transaction: Session, reviewer: str, key: str, sample_id: int | None
) -> StoredRevision | None:
    of_key = select(LabelRevision).where(
        LabelRevision.reviewer == reviewer, LabelRevision.key == key
    )
    revision = transaction.scalar(of_key)
    if revision is None:
        return None
    if sample_id not in (None, revision.sample_id):
        raise ClaimError(
            f"key {key}: one of its own for each answer expected, it is that of an answer to "
            f"field sample {revision.sample_id}"
        )
    return _judged(revision, is_repeat=True)


def _judged(revision: LabelRevision, *, is_repeat: bool) -> StoredRevision:
    return StoredRevision(revision.id, revision.sample_id, revision.label, is_repeat)


def _locked(transaction: Session, sample_id: int) -> FieldSample:
    """The sample, which nobody else changes until the transaction ends."""
    sample = transaction.get(FieldSample, sample_id, with_for_update=True)
    if sample is None:
        raise UnknownSampleError(f"no field sample with the id {sample_id}")
    return sample


def _unlock(transaction: Session, sample: FieldSample, reviewer: str) -> None:
    """Give the lock back, or refuse: it is another's, or the sample is decided."""
    allowed = SampleState.ACCEPTED if sample.use == Use.GOLD else SampleState.IN_REVIEW
    step = (
        update(FieldSample)
        .where(FieldSample.id == sample.id, FieldSample.state == allowed)
        .where(FieldSample.locked_by == reviewer)
        .values(locked_by=None, locked_until=None)
        .returning(FieldSample.id)
    )
    if transaction.execute(step).first() is None:
        raise LostLockError(
            f"field sample {sample.id}: the answer of {reviewer} was not stored, because the time "
            "for it ran out and another has taken it; take the sample again to answer it"
        )


def _last(transaction: Session, reviewer: str, sample_id: int | None) -> LabelRevision:
    query = select(LabelRevision).where(LabelRevision.reviewer == reviewer, stands())
    if sample_id is not None:
        query = query.where(LabelRevision.sample_id == sample_id)
    last = transaction.scalar(query.order_by(LabelRevision.id.desc()).limit(1))
    if last is None:
        of_sample = "" if sample_id is None else f" to field sample {sample_id}"
        raise AbsentError(f"{reviewer} has given no answer{of_sample} that can be undone")
    return last


def _undone(
    transaction: Session, sample: FieldSample, answer: LabelRevision, key: str, rule: ReviewRule
) -> LabelRevision:
    columns: dict[str, Any] = {"label": None, "reasons": [], "regions": [], "batch": answer.batch}
    revision = add_revision(transaction, sample, answer.reviewer, key, undoes=answer.id, **columns)
    if answer.gold is None:
        settle(transaction, sample, answer.reviewer, rule)
    return revision


def _others_of_batch(transaction: Session, answer: LabelRevision) -> list[LabelRevision]:
    if answer.batch is None:
        return []
    query = select(LabelRevision).where(
        LabelRevision.batch == answer.batch,
        LabelRevision.reviewer == answer.reviewer,
        LabelRevision.sample_id != answer.sample_id,
        stands(),
    )
    return list(transaction.scalars(query.order_by(LabelRevision.id)))


def _lock_again(transaction: Session, sample: FieldSample, reviewer: str, rule: ReviewRule) -> None:
    """For a new answer, unless another has the lock."""
    now = datetime.now(UTC)
    step = update(FieldSample).where(
        FieldSample.id == sample.id,
        FieldSample.locked_until.is_(None) | (FieldSample.locked_until < now),
    )
    until = now + timedelta(minutes=rule.lock_min)
    transaction.execute(step.values(locked_by=reviewer, locked_until=until))
