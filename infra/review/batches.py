"""One answer to a whole cluster: capped, undone at once, and never of gold or audit items."""

from __future__ import annotations

from sqlalchemy import Engine, func, or_, select
from sqlalchemy.orm import Session

from infra.database import reading, session
from infra.errors import AbsentError
from infra.review.answers import Answer
from infra.review.revisions import add_revision, derived_key, settle
from infra.review.rule import ReviewRule
from infra.review.sample_states import OPEN, ClaimError, SampleState, Use
from infra.review.votes import answered_by
from infra.tables import FieldSample, LabelRevision


def label_cluster(
    engine: Engine, cluster: str, reviewer: str, answer: Answer, key: str, rule: ReviewRule
) -> list[int]:
    """Answer for the first samples of a cluster that wait; returns their ids, oldest first.

    At most `rule.cluster_cap` at a time. Each answer is one vote, as if it had been given alone:
    the same key again returns the same samples. Samples of the audit and gold items are passed
    over, and so is what another has locked. Raises ClaimError, and AbsentError where none waits.
    """
    if answer.regions:
        raise ClaimError("one answer to a cluster has no regions: they are of one recording")
    answer.check(0.0)
    with session(engine) as transaction:
        earlier = _batch(transaction, reviewer, key)
        if earlier:
            return earlier
        samples = _waiting(transaction, cluster, reviewer, rule.cluster_cap)
        if not samples:
            raise AbsentError(f"no sample of cluster {cluster} waits for {reviewer}")
        for sample in samples:
            sample.state = SampleState.IN_REVIEW
            add_revision(
                transaction, sample, reviewer, derived_key(key, sample.id),
                batch=key, **answer.columns(),
            )  # fmt: skip
            settle(transaction, sample, reviewer, rule)
        return [sample.id for sample in samples]


def clusters(engine: Engine, at_most: int = 100) -> dict[str, int]:
    """The clusters with undecided samples for training, largest first, and how many they have."""
    count = func.count()
    query = (
        select(FieldSample.cluster, count)
        .where(FieldSample.cluster.is_not(None), FieldSample.state.in_(OPEN))
        .where(FieldSample.use == Use.TRAIN)
        .group_by(FieldSample.cluster)
        .order_by(count.desc(), FieldSample.cluster)
        .limit(at_most)
    )
    with reading(engine) as transaction:
        return {str(cluster): number for cluster, number in transaction.execute(query)}


def _waiting(transaction: Session, cluster: str, reviewer: str, at_most: int) -> list[FieldSample]:
    query = (
        select(FieldSample)
        .where(FieldSample.cluster == cluster, FieldSample.use == Use.TRAIN)
        .where(FieldSample.state.in_((SampleState.QUARANTINED, SampleState.IN_REVIEW)))
        .where(FieldSample.audio_key.is_not(None), ~answered_by(reviewer))
        .where(or_(FieldSample.locked_by.is_(None), FieldSample.locked_by == reviewer))
        .order_by(FieldSample.id)
        .limit(at_most)
        .with_for_update(of=FieldSample, skip_locked=True)
    )
    return list(transaction.scalars(query))


def _batch(transaction: Session, reviewer: str, key: str) -> list[int]:
    if not 0 < len(key) <= 36:
        raise ClaimError(f"key: 1 to 36 characters expected, found {len(key)}")
    mine = LabelRevision.batch == key, LabelRevision.reviewer == reviewer
    query = select(LabelRevision.sample_id).where(*mine, LabelRevision.label.is_not(None))
    return list(transaction.scalars(query.order_by(LabelRevision.sample_id)))
