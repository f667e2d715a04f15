"""The standing answers: the last of each reviewer that was not undone."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Engine, exists, select
from sqlalchemy.orm import Session, aliased

from infra.database import reading
from infra.tables import FieldSample, LabelRevision

_undoing = aliased(LabelRevision)


def stands() -> ColumnElement[bool]:
    """Whether a revision is an answer that was not undone."""
    is_undone = exists().where(_undoing.undoes == LabelRevision.id)
    return LabelRevision.label.is_not(None) & ~is_undone


def answered_by(reviewer: str) -> ColumnElement[bool]:
    """Whether a standing answer of a reviewer is there for a FieldSample of the query."""
    of_sample = LabelRevision.sample_id == FieldSample.id
    return exists().where(of_sample, LabelRevision.reviewer == reviewer, stands())


def standing(transaction: Session, sample_id: int) -> list[LabelRevision]:
    """One standing answer of each reviewer of a sample, the last, oldest first."""
    query = select(LabelRevision).where(LabelRevision.sample_id == sample_id, stands())
    return last_of_each(transaction.scalars(query.order_by(LabelRevision.id)).all())


def last_of_each(revisions: Sequence[LabelRevision]) -> list[LabelRevision]:
    """The last revision of each reviewer of revisions of one sample."""
    last = {revision.reviewer: revision for revision in revisions}
    return sorted(last.values(), key=lambda revision: revision.id)


def votes_of(engine: Engine, sample_ids: Sequence[int]) -> dict[int, list[LabelRevision]]:
    """Sample -> its standing answers, of samples that have any."""
    wanted = set(sample_ids)
    with reading(engine) as transaction:
        revisions = transaction.scalars(
            select(LabelRevision).where(stands()).order_by(LabelRevision.id)
        ).all()
    by_sample: dict[int, list[LabelRevision]] = {}
    for revision in revisions:
        if revision.sample_id in wanted:
            by_sample.setdefault(revision.sample_id, []).append(revision)
    return {sample_id: last_of_each(some) for sample_id, some in by_sample.items()}
