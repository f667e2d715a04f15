"""Answers out of this database and into another, by request: sample ids differ between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session, aliased

from infra.database import reading, session
from infra.errors import ConflictError
from infra.review.answers import Answer, region_of
from infra.review.revisions import add_revision, settle
from infra.review.rule import ReviewRule
from infra.review.sample_states import LABELS, ClaimError, SampleState, UnknownSampleError, Use
from infra.tables import FieldSample, LabelRevision, ScoredRequest


@dataclass(frozen=True)
class ExchangedAnswer:
    """One revision, as it can be given to another database."""

    request_id: str
    reviewer: str
    key: str
    answer: Answer | None  # None: an undoing
    undoes: str | None = None  # the key of the answer that it undoes, by the same reviewer
    at: datetime | None = None  # None: the time of the import
    is_undone: bool = False  # a later revision undoes it


@dataclass(frozen=True)
class ExchangedSample:
    """A sample, and every revision of it, oldest first."""

    request: ScoredRequest
    sample: FieldSample
    answers: Sequence[ExchangedAnswer]


def export_samples(engine: Engine, state: SampleState | None = None) -> list[ExchangedSample]:
    """Every sample, or those in one state, with its revisions, oldest first."""
    query = select(FieldSample, ScoredRequest).join(
        ScoredRequest, ScoredRequest.request_id == FieldSample.request_id
    )
    if state is not None:
        query = query.where(FieldSample.state == state)
    with reading(engine) as transaction:
        answers = _answers(transaction)
        return [
            ExchangedSample(request, sample, answers.get(sample.id, []))
            for sample, request in transaction.execute(query.order_by(FieldSample.id))
        ]


def import_answers(engine: Engine, answers: Sequence[ExchangedAnswer], rule: ReviewRule) -> int:
    """Add the revisions that are not here yet, in their order; returns how many. All or none.

    Whether a reviewer is an expert is looked up here, not taken over. Raises UnknownSampleError,
    ClaimError and ConflictError, each naming the request.
    """
    with session(engine) as transaction:
        return sum(_import(transaction, answer, rule) for answer in answers)


def _import(transaction: Session, exchanged: ExchangedAnswer, rule: ReviewRule) -> bool:
    if _revision(transaction, exchanged.reviewer, exchanged.key) is not None:
        return False
    query = select(FieldSample).where(FieldSample.request_id == exchanged.request_id)
    sample = transaction.scalar(query.with_for_update())
    if sample is None:
        raise UnknownSampleError(f"no field sample of request {exchanged.request_id}")
    if sample.state == SampleState.ERASED:
        raise ConflictError(f"request {exchanged.request_id}: its field sample was erased")
    is_gold = sample.use == Use.GOLD and sample.state == SampleState.ACCEPTED
    gold = sample.label if is_gold and exchanged.answer is not None else None
    columns = _columns(transaction, sample, exchanged)
    add_revision(
        transaction, sample, exchanged.reviewer, exchanged.key, gold=gold,
        at=exchanged.at or datetime.now(UTC), **columns,
    )  # fmt: skip
    if not is_gold:
        sample.state = SampleState.IN_REVIEW
        transaction.flush()
        settle(transaction, sample, exchanged.reviewer, rule)
        transaction.refresh(sample)
    return True


def _columns(
    transaction: Session, sample: FieldSample, exchanged: ExchangedAnswer
) -> dict[str, Any]:
    if exchanged.answer is not None:
        request = transaction.get_one(ScoredRequest, sample.request_id)
        exchanged.answer.check(request.duration_s)
        if exchanged.answer.label in LABELS and sample.audio_key is None:
            raise ConflictError(f"request {sample.request_id}: its audio was not kept")
        return exchanged.answer.columns()
    undone = _revision(transaction, exchanged.reviewer, exchanged.undoes or "")
    if undone is None or undone.sample_id != sample.id:
        raise ClaimError(
            f"request {exchanged.request_id}: the key of an answer of {exchanged.reviewer} to it "
            f"expected as what is undone, found '{exchanged.undoes or ''}'"
        )
    return {"label": None, "undoes": undone.id, "reasons": [], "regions": []}


def _revision(transaction: Session, reviewer: str, key: str) -> LabelRevision | None:
    mine = LabelRevision.reviewer == reviewer, LabelRevision.key == key
    return transaction.scalar(select(LabelRevision).where(*mine))


def _answers(transaction: Session) -> dict[int, list[ExchangedAnswer]]:
    """Sample -> its revisions, oldest first."""
    undone, undoing = aliased(LabelRevision), aliased(LabelRevision)
    query = (
        select(LabelRevision, FieldSample.request_id, undone.key, undoing.id)
        .join(FieldSample, FieldSample.id == LabelRevision.sample_id)
        .outerjoin(undone, undone.id == LabelRevision.undoes)
        .outerjoin(undoing, undoing.undoes == LabelRevision.id)
        .order_by(LabelRevision.id)
    )
    answers: dict[int, list[ExchangedAnswer]] = {}
    for revision, request_id, undone_key, undone_by in transaction.execute(query):
        exchanged = ExchangedAnswer(
            request_id=request_id,
            reviewer=revision.reviewer,
            key=revision.key,
            answer=_answer(revision) if revision.label is not None else None,
            undoes=undone_key,
            at=revision.at,
            is_undone=undone_by is not None,
        )
        answers.setdefault(revision.sample_id, []).append(exchanged)
    return answers


def _answer(revision: LabelRevision) -> Answer:
    return Answer(
        label=revision.label or "",
        attack_id=revision.attack_id,
        reasons=tuple(revision.reasons),
        regions=tuple(region_of(region) for region in revision.regions),
        seconds=revision.seconds,
    )
