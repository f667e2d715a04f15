"""Calls that champion and challenger have both scored, and what reviewers said of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Engine, Subquery, func, select
from sqlalchemy.orm import Session, defer

from infra.database import reading
from infra.field_samples import LABELS, OPEN, SampleState
from infra.shadows import ShadowTerms
from infra.tables import FieldSample, ScoredRequest, ShadowScore


@dataclass(frozen=True)
class Disagreement:
    """The first recording of a caller, with different verdicts of champion and challenger."""

    request_id: str  # the one that was flagged, else the first
    audio_sha256: str
    champion: str  # verdicts: bonafide | spoof
    challenger: str
    has_audio: bool  # whether the endpoint stored audio for a reviewer
    sample_id: int | None  # None: not flagged
    state: str | None  # SampleState
    truth: str | None  # the label by a reviewer, if there is one

    @property
    def waits(self) -> bool:
        """Whether a reviewer can still label it."""
        undecided = self.state in (None, *OPEN)
        return self.has_audio and undecided


def agreements(engine: Engine, shadow: ShadowTerms) -> dict[str, int]:
    """The numbers of recordings that both call bonafide, and spoof."""
    count = func.count(func.distinct(ScoredRequest.audio_sha256))
    query = select(ScoredRequest.verdict, count).join(ShadowScore, _same_request())
    query = query.where(*_scored_by_both(shadow), ScoredRequest.verdict == ShadowScore.verdict)
    with reading(engine) as transaction:
        rows = transaction.execute(query.group_by(ScoredRequest.verdict))
        counts = {verdict: number for verdict, number in rows}
    return {label: counts.get(label, 0) for label in ("bonafide", "spoof")}


def first_calls(engine: Engine, shadow: ShadowTerms) -> list[str | Disagreement]:
    """The first call of each caller that both scored, in the order in which both had scored it.

    What both say where they agree, else the disagreement. A recording that was sent again is no
    call. The order is that of the later scores, the challenger's, so that no call comes before one
    that was there at an earlier look.
    """
    first = _first_calls(shadow)
    with reading(engine) as transaction:
        disagreements = _disagreements(transaction, shadow, first)
        columns = select(first.c.request_id, first.c.champion)
        rows = transaction.execute(columns.order_by(first.c.scored_at, first.c.request_id))
        return [disagreements.get(request_id, verdict) for request_id, verdict in rows]


def _first_calls(shadow: ShadowTerms) -> Subquery:
    """Its columns: request_id, scored_at, champion and challenger, both verdicts."""
    order = (ShadowScore.scored_at, ScoredRequest.request_id)
    caller = func.coalesce(
        func.nullif(ScoredRequest.speaker_id, ""),
        func.nullif(ScoredRequest.source, ""),
        ScoredRequest.request_id,
    )
    copy = func.row_number().over(partition_by=ScoredRequest.audio_sha256, order_by=order)
    recordings = (
        select(
            ScoredRequest.request_id,
            ShadowScore.scored_at,
            ScoredRequest.verdict.label("champion"),
            ShadowScore.verdict.label("challenger"),
            caller.label("caller"),
            copy.label("copy"),
        )
        .join(ShadowScore, _same_request())
        .where(*_scored_by_both(shadow))
        .subquery()
    )
    nth = func.row_number().over(
        partition_by=recordings.c.caller,
        order_by=(recordings.c.scored_at, recordings.c.request_id),
    )
    calls = select(recordings, nth.label("nth")).where(recordings.c.copy == 1).subquery()
    return select(calls).where(calls.c.nth == 1).subquery()


def _disagreements(
    transaction: Session, shadow: ShadowTerms, first: Subquery
) -> dict[str, Disagreement]:
    """The first calls with different verdicts, by the request that was the first."""
    reviews = (
        select(FieldSample, ScoredRequest.audio_sha256)
        .join(ScoredRequest, FieldSample.request_id == ScoredRequest.request_id)
        .join(ShadowScore, _same_request())
        .where(*_scored_by_both(shadow), ScoredRequest.verdict != ShadowScore.verdict)
        .order_by(FieldSample.id.desc())
    )
    samples = {recording: sample for sample, recording in transaction.execute(reviews)}
    calls = (
        select(ScoredRequest, first.c.challenger)
        .join(first, first.c.request_id == ScoredRequest.request_id)
        .where(first.c.champion != first.c.challenger)
        .options(defer(ScoredRequest.features), defer(ScoredRequest.embedding_sketch))
    )
    return {
        request.request_id: _disagreement(request, verdict, samples.get(request.audio_sha256))
        for request, verdict in transaction.execute(calls)
    }


def _same_request() -> ColumnElement[bool]:
    return ShadowScore.request_id == ScoredRequest.request_id


def _scored_by_both(shadow: ShadowTerms) -> Sequence[ColumnElement[bool]]:
    return (
        ShadowScore.model_version == shadow.version,
        ShadowScore.scored_at >= shadow.began,
        ScoredRequest.model_version == shadow.champion,
    )


def _disagreement(request: ScoredRequest, verdict: str, sample: FieldSample | None) -> Disagreement:
    key = sample.audio_key if sample else request.audio_key
    sent = sample is not None and sample.audio_sent
    return Disagreement(
        request_id=sample.request_id if sample else request.request_id,
        audio_sha256=request.audio_sha256,
        champion=request.verdict,
        challenger=verdict,
        has_audio=key is not None and not sent,
        sample_id=sample.id if sample else None,
        state=sample.state if sample else None,
        truth=_truth(sample) if sample and not sent else None,
    )


def _truth(sample: FieldSample) -> str | None:
    """The label by a reviewer; a rejected sample has none, whatever was claimed."""
    is_label = sample.state == SampleState.ACCEPTED and sample.label in LABELS
    return sample.label if is_label else None
