"""The random audit: requests drawn with a known probability, whatever their scores are.

Whether a request is drawn depends on the hash of its id, a seed and the share alone, so that
anybody can compute the draw again. A request without a recording is drawn too, but nobody can
label it: it is counted. Its label is that of its field sample, whoever flagged it first.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, func, select, update
from sqlalchemy.orm import Session

from infra.database import reading, session
from infra.review.sample_states import OPEN, Origin, SampleState, Use
from infra.tables import AuditDraw, FieldSample, ScoredRequest

LATE = timedelta(hours=1)  # rows of the score log may be written so late
_AT_ONCE = 500


@dataclass(frozen=True)
class AuditedCall:
    """A drawn request, and what the review came to."""

    request_id: str
    model_version: int
    probability: float
    scored_at: datetime
    cm_score: float
    threshold: float
    verdict: str
    cluster: str  # the speaker, else an hour of the source, else the request
    kept: bool
    state: str | None  # of its field sample
    label: str | None


def is_drawn(request_id: str, share: float, seed: int) -> bool:
    """Whether the audit draws a request."""
    digest = hashlib.sha256(f"audit {seed} {request_id}".encode()).digest()
    return int.from_bytes(digest[:8]) < share * 2**64


def draw_audit(engine: Engine, share: float, seed: int, since: datetime) -> int:
    """Draw among the requests since a time that were not looked at; returns how many it drew."""
    with session(engine) as transaction:
        last = transaction.scalar(select(func.max(AuditDraw.drawn_at)))
        start = max(since, last - LATE) if last else since
        query = select(ScoredRequest.request_id).where(ScoredRequest.scored_at >= start)
        names = [name for name in transaction.scalars(query) if is_drawn(name, share, seed)]
        drawn = 0
        for at in range(0, len(names), _AT_ONCE):
            drawn += _draw(transaction, names[at : at + _AT_ONCE], share)
    return drawn


def _draw(transaction: Session, names: list[str], share: float) -> int:
    known = set(
        transaction.scalars(select(AuditDraw.request_id).where(AuditDraw.request_id.in_(names)))
    )
    requests = transaction.scalars(select(ScoredRequest).where(ScoredRequest.request_id.in_(names)))
    fresh = [request for request in requests if request.request_id not in known]
    claimed = _put_under_audit(transaction, [request.request_id for request in fresh])
    now = datetime.now(UTC)
    for request in fresh:
        is_kept = request.audio_key is not None or request.request_id in claimed
        transaction.add(
            AuditDraw(
                request_id=request.request_id, drawn_at=now, probability=share, kept=is_kept,
                model_version=request.model_version,
            )
        )  # fmt: skip
        if is_kept and request.request_id not in claimed:
            transaction.add(
                FieldSample(
                    request_id=request.request_id, state=SampleState.FLAGGED, flagged_at=now,
                    origin=Origin.AUDIT, use=Use.AUDIT, audio_key=request.audio_key,
                )
            )  # fmt: skip
    return len(fresh)


def _put_under_audit(transaction: Session, names: list[str]) -> set[str]:
    """Of requests that were flagged before, those with a recording; undecided ones train no more.

    What is accepted or in a dataset already stays there: the version that answered the request was
    trained before.
    """
    flagged = select(FieldSample.request_id).where(
        FieldSample.request_id.in_(names), FieldSample.audio_key.is_not(None)
    )
    claimed = set(transaction.scalars(flagged))
    step = update(FieldSample).where(FieldSample.request_id.in_(names))
    step = step.where(FieldSample.state.in_(OPEN), FieldSample.use == Use.TRAIN)
    transaction.execute(step.values(use=Use.AUDIT))
    return claimed


def audited_calls(engine: Engine, model_version: int | None = None) -> list[AuditedCall]:
    """Every drawn request, or those of one version, oldest first."""
    query = (
        select(AuditDraw, ScoredRequest, FieldSample)
        .join(ScoredRequest, ScoredRequest.request_id == AuditDraw.request_id)
        .outerjoin(FieldSample, FieldSample.request_id == AuditDraw.request_id)
        .order_by(ScoredRequest.scored_at, ScoredRequest.request_id)
    )
    if model_version is not None:
        query = query.where(AuditDraw.model_version == model_version)
    with reading(engine) as transaction:
        return [_call(*row) for row in transaction.execute(query)]


def _call(draw: AuditDraw, request: ScoredRequest, sample: FieldSample | None) -> AuditedCall:
    return AuditedCall(
        request_id=request.request_id,
        model_version=draw.model_version,
        probability=draw.probability,
        scored_at=request.scored_at,
        cm_score=request.cm_score,
        threshold=request.threshold,
        verdict=request.verdict,
        cluster=request.caller or request.request_id,
        kept=draw.kept,
        state=sample.state if sample else None,
        label=sample.label if sample else None,
    )
