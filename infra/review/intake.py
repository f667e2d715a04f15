"""From the flags to the reviewers: so many claims of one source in a day and no more.

The cap is for claims alone, which anybody can make; what a rule of ours flags has caps of its own.
Claims without a source share one cap. A claim over the cap stays flagged and is let in on a later
day, oldest first.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, func, select, update
from sqlalchemy.orm import Session

from infra.database import session
from infra.review.rule import ReviewRule
from infra.review.sample_states import TRANSITIONS, Origin, SampleState
from infra.tables import FieldSample, ScoredRequest

CAP_PERIOD = timedelta(days=1)
_AT_ONCE = 500  # ids in one statement


def take_in(engine: Engine, rule: ReviewRule) -> int:
    """Quarantine the flagged samples within the caps; returns how many."""
    with session(engine) as transaction:
        return quarantine(transaction, rule)


def quarantine(transaction: Session, rule: ReviewRule) -> int:
    """The same inside a transaction."""
    flagged = _flagged(transaction)
    if not flagged:
        return 0
    room = Counter({source: rule.source_cap for _, _, source in flagged})
    room.subtract(_let_in_lately(transaction))
    admitted = []
    for sample_id, origin, source in flagged:
        if origin == Origin.FEEDBACK:
            room[source] -= 1
            if room[source] < 0:
                continue
        admitted.append(sample_id)
    now = datetime.now(UTC)
    for at in range(0, len(admitted), _AT_ONCE):
        step = (
            update(FieldSample)
            .where(FieldSample.id.in_(admitted[at : at + _AT_ONCE]))
            .where(FieldSample.state.in_(TRANSITIONS[SampleState.QUARANTINED]))
        )
        transaction.execute(step.values(state=SampleState.QUARANTINED, quarantined_at=now))
    return len(admitted)


def _flagged(transaction: Session) -> list[tuple[int, str, str | None]]:
    query = (
        select(FieldSample.id, FieldSample.origin, ScoredRequest.source)
        .join(ScoredRequest, ScoredRequest.request_id == FieldSample.request_id)
        .where(FieldSample.state == SampleState.FLAGGED)
        .order_by(FieldSample.id)
    )
    return [(sample_id, origin, source) for sample_id, origin, source in transaction.execute(query)]


def _let_in_lately(transaction: Session) -> dict[str | None, int]:
    query = (
        select(ScoredRequest.source, func.count())
        .select_from(FieldSample)
        .join(ScoredRequest, ScoredRequest.request_id == FieldSample.request_id)
        .where(FieldSample.origin == Origin.FEEDBACK)
        .where(FieldSample.quarantined_at >= datetime.now(UTC) - CAP_PERIOD)
        .group_by(ScoredRequest.source)
    )
    return {source: count for source, count in transaction.execute(query)}
