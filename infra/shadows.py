"""Challengers in shadow: their terms, the answers of both detectors, and the reviews."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, Engine, func, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import defer

from infra.database import reading, session
from infra.errors import ConflictError
from infra.field_samples import LABELS, SampleState
from infra.model_versions import ModelVersion
from infra.tables import FieldSample, ScoredRequest, ShadowLook, ShadowScore

SHADOW_VERDICT = "shadow"  # the tag `verdict` of a version that runs in shadow
GO_ON = "go on"  # the decision of a look that does not end the shadow
SENT = "flagged/"  # keys of recordings that were uploaded with a claim


@dataclass(frozen=True)
class ShadowTerms:
    """A version in shadow and its terms, which are tags of the version."""

    id: str
    version: int
    champion: int  # the version it was compared with
    began: datetime
    deadline: datetime
    level: float  # probability of promoting an equal detector, over the whole shadow

    @classmethod
    def new(cls, version: int, champion: int, days: float, level: float) -> ShadowTerms:
        """A shadow that begins now."""
        began = datetime.now(UTC)
        deadline = began + timedelta(days=days)
        return cls(str(uuid.uuid4()), version, champion, began, deadline, level)

    @classmethod
    def of(cls, version: ModelVersion) -> ShadowTerms | None:
        """The terms of a challenger; None if the alias was set by hand."""
        tags = version.tags
        try:
            began, deadline = (
                datetime.fromisoformat(tags[f"shadow_{name}"]) for name in ("began", "deadline")
            )
            return cls(
                id=tags["shadow_id"],
                version=version.version,
                champion=int(tags["shadow_champion"]),
                began=began,
                deadline=deadline,
                level=float(tags["shadow_level"]),
            )
        except (KeyError, ValueError):
            return None

    def tags(self) -> Mapping[str, str]:
        """The tags that `of` reads."""
        return {
            "verdict": SHADOW_VERDICT,
            "shadow_id": self.id,
            "shadow_champion": str(self.champion),
            "shadow_began": self.began.isoformat(),
            "shadow_deadline": self.deadline.isoformat(),
            "shadow_level": repr(self.level),
        }


@dataclass(frozen=True)
class Disagreement:
    """One recording with different verdicts of champion and challenger."""

    request_id: str
    audio_sha256: str
    cluster: str  # the speaker, else the source, else the recording
    champion: str  # verdicts: bonafide | spoof
    challenger: str
    has_audio: bool  # whether the endpoint stored audio for a reviewer
    sample_id: int | None  # None: not flagged
    state: str | None  # SampleState
    truth: str | None  # the label by a reviewer, if there is one

    @property
    def waits(self) -> bool:
        """Whether a reviewer can still give it a label."""
        return self.truth is None and self.has_audio and self.state != SampleState.REJECTED


def agreements(engine: Engine, shadow: ShadowTerms) -> dict[str, int]:
    """The numbers of recordings that both call bonafide, and spoof."""
    count = func.count(func.distinct(ScoredRequest.audio_sha256))
    query = select(ScoredRequest.verdict, count).join(ShadowScore, _same_request())
    query = query.where(*_scored_by_both(shadow), ScoredRequest.verdict == ShadowScore.verdict)
    with reading(engine) as transaction:
        rows = transaction.execute(query.group_by(ScoredRequest.verdict))
        counts = {verdict: number for verdict, number in rows}
    return {label: counts.get(label, 0) for label in ("bonafide", "spoof")}


def disagreements(engine: Engine, shadow: ShadowTerms) -> list[Disagreement]:
    """Recordings with different verdicts, each once, in the order of arrival."""
    query = (
        select(ScoredRequest, ShadowScore.verdict, FieldSample)
        .join(ShadowScore, _same_request())
        .outerjoin(FieldSample, FieldSample.request_id == ScoredRequest.request_id)
        .where(*_scored_by_both(shadow), ScoredRequest.verdict != ShadowScore.verdict)
        .order_by(ScoredRequest.scored_at, ScoredRequest.request_id)
        .options(defer(ScoredRequest.features), defer(ScoredRequest.embedding_sketch))
    )
    first: dict[str, Disagreement] = {}
    with reading(engine) as transaction:
        for request, verdict, sample in transaction.execute(query):
            item = _disagreement(request, verdict, sample)
            earlier = first.get(item.audio_sha256)
            if earlier is None or (earlier.sample_id is None and item.sample_id is not None):
                first[item.audio_sha256] = item  # at the position of the first
    return list(first.values())


def looks(engine: Engine, shadow_id: str) -> list[ShadowLook]:
    """The looks of one shadow, oldest first."""
    query = select(ShadowLook).where(ShadowLook.shadow_id == shadow_id)
    with reading(engine) as transaction:
        return list(transaction.scalars(query.order_by(ShadowLook.number)))


def keep_look(engine: Engine, look: ShadowLook) -> None:
    """Write a look; raises ConflictError if another process has written it."""
    try:
        with session(engine) as transaction:
            transaction.add(look)
    except IntegrityError as error:
        raise ConflictError(
            f"look {look.number} at version {look.model_version} was taken by another process"
        ) from error


def last_decision(engine: Engine) -> ShadowLook | None:
    """The look that ended the last ended shadow."""
    query = select(ShadowLook).where(ShadowLook.decision != GO_ON)
    with reading(engine) as transaction:
        return transaction.scalar(query.order_by(ShadowLook.id.desc()).limit(1))


def claim_decision(engine: Engine, lease_s: float) -> ShadowLook | None:
    """Claim the oldest decision that is not carried out and not claimed by another process.

    If the claiming process dies, another one can claim it after `lease_s`.
    """
    now = datetime.now(UTC)
    free = or_(
        ShadowLook.acting_since.is_(None),
        ShadowLook.acting_since < now - timedelta(seconds=lease_s),
    )
    open_decision = (ShadowLook.decision != GO_ON, ShadowLook.acted_at.is_(None), free)
    oldest = select(ShadowLook.id).where(*open_decision).order_by(ShadowLook.id).limit(1)
    claim = (
        update(ShadowLook)
        .where(ShadowLook.id == oldest.scalar_subquery(), *open_decision)
        .values(acting_since=now)
        .returning(ShadowLook.id)
    )
    with session(engine) as transaction:
        claimed = transaction.scalar(claim)
        return None if claimed is None else transaction.get(ShadowLook, claimed)


def carried_out(engine: Engine, look: ShadowLook) -> None:
    """Record that a decision was carried out."""
    done = update(ShadowLook).where(ShadowLook.id == look.id)
    with session(engine) as transaction:
        transaction.execute(done.values(acted_at=datetime.now(UTC)))


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
    sent = key is not None and key.startswith(SENT)
    return Disagreement(
        request_id=request.request_id,
        audio_sha256=request.audio_sha256,
        cluster=request.speaker_id or request.source or request.request_id,
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
