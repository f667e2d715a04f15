"""Challengers in shadow: the terms, what both detectors said, and what reviewers made of it."""

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
from infra.field_samples import SampleState
from infra.model_versions import ModelVersion
from infra.tables import FieldSample, ScoredRequest, ShadowLook, ShadowScore

SHADOW_VERDICT = "shadow"  # the tag `verdict` of a version that runs in shadow
GO_ON = "go on"  # the decision of a look that ends nothing
SENT = "flagged/"  # keys of recordings that came with a claim: nobody else's were kept


@dataclass(frozen=True)
class Shadow:
    """A version in shadow, and the terms that it was let in on: tags of the version."""

    id: str
    version: int
    champion: int  # that it was compared with
    began: datetime
    deadline: datetime
    level: float  # chance of promoting an equal detector, over the whole of the shadow

    @classmethod
    def new(cls, version: int, champion: int, days: float, level: float) -> Shadow:
        """A shadow that begins now."""
        began = datetime.now(UTC)
        deadline = began + timedelta(days=days)
        return cls(str(uuid.uuid4()), version, champion, began, deadline, level)

    @classmethod
    def of(cls, version: ModelVersion) -> Shadow | None:
        """The terms of a challenger; None for one that a hand set and no verdict let in."""
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
        """What `of` reads again."""
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
    """One recording of which champion and challenger say different things."""

    request_id: str
    audio_sha256: str
    cluster: str  # the speaker, else the source, else the recording
    champion: str  # verdicts: bonafide | spoof
    challenger: str
    kept: bool  # whether the endpoint kept audio that a reviewer can listen to
    sample_id: int | None  # None: nobody was asked about it
    state: str | None  # SampleState
    truth: str | None  # the label, where a reviewer has given one


def agreements(engine: Engine, shadow: Shadow) -> dict[str, int]:
    """How many recordings both call bonafide, and how many spoof."""
    count = func.count(func.distinct(ScoredRequest.audio_sha256))
    query = select(ScoredRequest.verdict, count).join(ShadowScore, _same_request())
    query = query.where(*_heard_by_both(shadow), ScoredRequest.verdict == ShadowScore.verdict)
    with reading(engine) as opened:
        rows = opened.execute(query.group_by(ScoredRequest.verdict))
        found = {verdict: number for verdict, number in rows}
    return {label: found.get(label, 0) for label in ("bonafide", "spoof")}


def disagreements(engine: Engine, shadow: Shadow) -> list[Disagreement]:
    """Recordings of which both say different things, each once, in the order they were heard."""
    query = (
        select(ScoredRequest, ShadowScore.verdict, FieldSample)
        .join(ShadowScore, _same_request())
        .outerjoin(FieldSample, FieldSample.request_id == ScoredRequest.request_id)
        .where(*_heard_by_both(shadow), ScoredRequest.verdict != ShadowScore.verdict)
        .order_by(ScoredRequest.scored_at, ScoredRequest.request_id)
        .options(defer(ScoredRequest.features), defer(ScoredRequest.embedding_sketch))
    )
    first: dict[str, Disagreement] = {}
    with reading(engine) as opened:
        for request, verdict, sample in opened.execute(query):
            found = _disagreement(request, verdict, sample)
            known = first.get(found.audio_sha256)
            if known is None or (known.sample_id is None and found.sample_id is not None):
                first[found.audio_sha256] = found  # in the place of the first
    return list(first.values())


def looks(engine: Engine, shadow_id: str) -> list[ShadowLook]:
    """The looks at one shadow, oldest first."""
    query = select(ShadowLook).where(ShadowLook.shadow_id == shadow_id)
    with reading(engine) as opened:
        return list(opened.scalars(query.order_by(ShadowLook.number)))


def keep_look(engine: Engine, look: ShadowLook) -> None:
    """Write a look; raises ConflictError where another process has looked meanwhile."""
    try:
        with session(engine) as opened:
            opened.add(look)
    except IntegrityError as error:
        raise ConflictError(
            f"look {look.number} at version {look.model_version} was taken by another process"
        ) from error


def last_decision(engine: Engine) -> ShadowLook | None:
    """The look that ended the latest shadow which has ended."""
    query = select(ShadowLook).where(ShadowLook.decision != GO_ON)
    with reading(engine) as opened:
        return opened.scalar(query.order_by(ShadowLook.id.desc()).limit(1))


def claim_decision(engine: Engine, lease_s: float) -> ShadowLook | None:
    """The oldest decision that nobody has carried out or is about to; it is the caller's then.

    A process that dies on the way leaves it to the next one after `lease_s`.
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
    with session(engine) as opened:
        claimed = opened.scalar(claim)
        return None if claimed is None else opened.get(ShadowLook, claimed)


def carried_out(engine: Engine, look: ShadowLook) -> None:
    """Note that a decision has taken effect."""
    done = update(ShadowLook).where(ShadowLook.id == look.id)
    with session(engine) as opened:
        opened.execute(done.values(acted_at=datetime.now(UTC)))


def _same_request() -> ColumnElement[bool]:
    return ShadowScore.request_id == ScoredRequest.request_id


def _heard_by_both(shadow: Shadow) -> Sequence[ColumnElement[bool]]:
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
        kept=key is not None and not sent,
        sample_id=sample.id if sample else None,
        state=sample.state if sample else None,
        truth=_truth(sample) if sample and not sent else None,
    )


def _truth(sample: FieldSample) -> str | None:
    """The reviewer's label; of a rejected claim, the label that was not claimed."""
    if sample.state == SampleState.ACCEPTED:
        return sample.label
    if sample.state == SampleState.REJECTED:
        return "bonafide" if sample.claimed_label == "spoof" else "spoof"
    return None
