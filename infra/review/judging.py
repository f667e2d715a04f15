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
from infra.review.consensus import consensus
from infra.review.reviewers import is_expert
from infra.review.rule import ReviewRule
from infra.review.votes import standing, stands
from infra.sample_states import LABELS, ClaimError, SampleState, UnknownSampleError, Use
from infra.tables import FieldSample, LabelRevision, ScoredRequest

LONGEST_KEY = 64


class LostLockError(ConflictError):
    """The sample is no longer this reviewer's to judge; nothing was stored."""


@dataclass(frozen=True)
class Judged:
    """A revision that was stored: now, or by an earlier request with its key."""

    revision_id: int
    sample_id: int
    label: str | None  # None: an answer was undone
    is_repeat: bool


def submit(
    engine: Engine, sample_id: int, reviewer: str, answer: Answer, key: str, rule: ReviewRule
) -> Judged:
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
        revision = _add(transaction, sample, reviewer, key, gold=gold, **answer.columns())
        if gold is None:
            _settle(transaction, sample, reviewer, rule)
        return revision

    return _once(engine, reviewer, key, sample_id, judge)


def undo(
    engine: Engine, reviewer: str, key: str, rule: ReviewRule, sample_id: int | None = None
) -> Judged:
    """Undo the reviewer's last standing answer, or that to one sample, and lock it for a new one.

    Raises AbsentError where there is none, ConflictError where the sample was erased.
    """

    def take_back(transaction: Session) -> LabelRevision:
        last = _last(transaction, reviewer, sample_id)
        sample = _locked(transaction, last.sample_id)
        if sample.state == SampleState.ERASED:
            raise ConflictError(f"field sample {sample.id} was erased: its answers stay")
        revision = _add(
            transaction, sample, reviewer, key, undoes=last.id, label=None, reasons=[], regions=[]
        )
        if last.gold is None:
            _settle(transaction, sample, reviewer, rule)
        _lock_again(transaction, sample, reviewer, rule)
        return revision

    return _once(engine, reviewer, key, sample_id, take_back)


def _once(
    engine: Engine,
    reviewer: str,
    key: str,
    sample_id: int | None,
    act: Callable[[Session], LabelRevision],
) -> Judged:
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


def _by_key(transaction: Session, reviewer: str, key: str, sample_id: int | None) -> Judged | None:
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


def _judged(revision: LabelRevision, *, is_repeat: bool) -> Judged:
    return Judged(revision.id, revision.sample_id, revision.label, is_repeat)


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


def _add(
    transaction: Session, sample: FieldSample, reviewer: str, key: str, **columns: Any
) -> LabelRevision:
    revision = LabelRevision(
        sample_id=sample.id,
        reviewer=reviewer,
        expert=is_expert(transaction, reviewer),
        at=datetime.now(UTC),
        key=key,
        **columns,
    )
    transaction.add(revision)
    transaction.flush()
    return revision


def _settle(transaction: Session, sample: FieldSample, reviewer: str, rule: ReviewRule) -> None:
    """Bring the sample to the state that its standing answers come to."""
    agreed = consensus(standing(transaction, sample.id), rule)
    values: dict[str, Any] = {"awaits_expert": agreed.awaits_expert}
    if agreed.label is None:
        values |= {"state": SampleState.IN_REVIEW, "label": None, "attack_id": None}
        values |= {"reviewer": None, "reviewed_at": None, "dataset_revision": None}
    else:
        state = SampleState.ACCEPTED if agreed.label in LABELS else SampleState.REJECTED
        values |= {"state": state, "label": agreed.label, "attack_id": agreed.attack_id}
        values |= {"reviewer": reviewer, "reviewed_at": datetime.now(UTC)}
        if (agreed.label, agreed.attack_id) != (sample.label, sample.attack_id):
            values["dataset_revision"] = None  # what a dataset holds is not this label
    decided = (SampleState.IN_REVIEW, SampleState.ACCEPTED, SampleState.REJECTED)
    step = update(FieldSample).where(FieldSample.id == sample.id, FieldSample.state.in_(decided))
    transaction.execute(step.values(**values))


def _last(transaction: Session, reviewer: str, sample_id: int | None) -> LabelRevision:
    query = select(LabelRevision).where(LabelRevision.reviewer == reviewer, stands())
    if sample_id is not None:
        query = query.where(LabelRevision.sample_id == sample_id)
    last = transaction.scalar(query.order_by(LabelRevision.id.desc()).limit(1))
    if last is None:
        of_sample = "" if sample_id is None else f" to field sample {sample_id}"
        raise AbsentError(f"{reviewer} has given no answer{of_sample} that can be undone")
    return last


def _lock_again(transaction: Session, sample: FieldSample, reviewer: str, rule: ReviewRule) -> None:
    """For a new answer, unless another has the lock."""
    now = datetime.now(UTC)
    step = update(FieldSample).where(
        FieldSample.id == sample.id,
        FieldSample.locked_until.is_(None) | (FieldSample.locked_until < now),
    )
    until = now + timedelta(minutes=rule.lock_min)
    transaction.execute(step.values(locked_by=reviewer, locked_until=until))
