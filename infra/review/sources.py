"""Where samples come from besides the claims of clients: requests that a rule of ours asks about.

Only a request whose recording was kept can be asked about, once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, Engine, exists, func, select
from sqlalchemy.orm import Session, load_only

from infra.database import reading, session
from infra.review.sample_states import Origin, SampleState
from infra.tables import FieldSample, ScoredRequest

PERIOD = timedelta(days=1)  # of the caps
_AT_ONCE = 500  # ids in one statement


def ask_about(
    engine: Engine,
    request_ids: Sequence[str],
    origin: Origin,
    at_most: int,
    cluster: str | None = None,
    comment: str | None = None,
) -> int:
    """Flag the first `at_most` of the requests that nobody has asked about; returns how many.

    Requests that are unknown, without a recording or asked about already are passed over.
    """
    flagged = 0
    with session(engine) as transaction:
        askable = _askable(transaction, request_ids)
        for request_id in dict.fromkeys(request_ids):
            if flagged == at_most:
                break
            if request_id not in askable:
                continue
            transaction.add(
                FieldSample(
                    request_id=request_id,
                    state=SampleState.FLAGGED,
                    origin=origin,
                    flagged_at=datetime.now(UTC),
                    audio_key=askable[request_id],
                    cluster=cluster,
                    comment=comment,
                )
            )
            flagged += 1
    return flagged


def room_of(engine: Engine, origin: Origin, cap: int) -> int:
    """How many more samples of an origin may be flagged within a day of `cap`."""
    query = select(func.count()).select_from(FieldSample).where(FieldSample.origin == origin)
    query = query.where(FieldSample.flagged_at >= datetime.now(UTC) - PERIOD)
    with reading(engine) as transaction:
        return max(cap - (transaction.scalar(query) or 0), 0)


def uncertain(engine: Engine, model_version: int, since: datetime, at_most: int) -> list[str]:
    """Requests nearest to the threshold since a time, in steps of one a source.

    The nearest of each source come first, then the second of each: one busy line does not fill
    the queue.
    """
    distance = func.abs(ScoredRequest.cm_score - ScoredRequest.threshold)
    query = (
        select(ScoredRequest.request_id, ScoredRequest.source)
        .where(ScoredRequest.model_version == model_version, ScoredRequest.scored_at >= since)
        .where(ScoredRequest.audio_key.is_not(None), ~is_asked())
        .order_by(distance, ScoredRequest.request_id)
        .limit(20 * at_most)
    )
    with reading(engine) as transaction:
        rows = transaction.execute(query).all()
    return spread_over_sources((request_id, source) for request_id, source in rows)[:at_most]


def spread_over_sources(rows: Iterable[tuple[str, str | None]]) -> list[str]:
    """Request ids in their order, but the nth of a source before any source's n+1st."""
    before: Counter[str | None] = Counter()
    turns: list[tuple[int, str]] = []
    for request_id, source in rows:
        turns.append((before[source], request_id))
        before[source] += 1
    return [request_id for _, request_id in sorted(turns, key=lambda turn: turn[0])]


def recent_requests(
    engine: Engine, model_version: int, since: datetime, at_most: int
) -> list[ScoredRequest]:
    """The newest requests with a recording that nobody has asked about: ids and sketches."""
    query = (
        select(ScoredRequest)
        .where(ScoredRequest.model_version == model_version, ScoredRequest.scored_at >= since)
        .where(ScoredRequest.audio_key.is_not(None), ~is_asked())
        .order_by(ScoredRequest.scored_at.desc())
        .limit(at_most)
        .options(
            load_only(
                ScoredRequest.request_id, ScoredRequest.embedding_sketch, ScoredRequest.source
            )
        )
    )
    with reading(engine) as transaction:
        return list(transaction.scalars(query))


def is_asked() -> ColumnElement[bool]:
    """Whether there is a sample of a ScoredRequest of the query."""
    return exists().where(FieldSample.request_id == ScoredRequest.request_id)


def _askable(transaction: Session, request_ids: Collection[str]) -> dict[str, str]:
    """Request -> key of its recording, of those that can be asked about."""
    names = list(request_ids)
    keys: dict[str, str] = {}
    for at in range(0, len(names), _AT_ONCE):
        some = ScoredRequest.request_id.in_(names[at : at + _AT_ONCE])
        query = select(ScoredRequest.request_id, ScoredRequest.audio_key).where(some, ~is_asked())
        keys |= {name: key for name, key in transaction.execute(query) if key is not None}
    return keys
