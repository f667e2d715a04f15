"""Challengers in shadow: their terms, and the looks at what reviewers said."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, or_, select, update
from sqlalchemy.exc import IntegrityError

from infra.database import reading, session
from infra.errors import ConflictError
from infra.model_versions import ModelVersion
from infra.tables import ShadowLook

SHADOW_VERDICT = "shadow"  # the tag `verdict` of a version that runs in shadow
GO_ON = "go on"  # the decision of a look that does not end the shadow


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
