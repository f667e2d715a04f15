"""Versions that won and wait for a person to promote them; at most one waits.

A decision is one UPDATE of a row without one, so that of two people only one decides.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum

from sqlalchemy import Engine, delete, select, update
from sqlalchemy.orm import Session

from infra.access.tables import Approval
from infra.database import reading, session
from infra.errors import AbsentError, ConflictError


class ApprovalDecision(StrEnum):
    """How the wait of a version ended."""

    APPROVED = "approved"
    DECLINED = "declined"
    SUPERSEDED = "superseded"  # by a later winner, or by another champion


def want_approval(
    engine: Engine, version: int, champion: int | None, verdict: str, actor: str
) -> bool:
    """Let a version wait for a person, in the place of any other; False if it waits already.

    A version that was decided on before, and won again against another champion, waits again.
    """
    row = Approval(
        version=version,
        champion=champion,
        verdict=verdict,
        asked_at=datetime.now(UTC),
        asked_by=actor,
    )
    with session(engine) as transaction:
        earlier = transaction.get(Approval, version)
        if earlier is not None and earlier.decision is None and earlier.champion == champion:
            return False
        transaction.execute(delete(Approval).where(Approval.version == version))
        transaction.expunge_all()
        _supersede(transaction, actor)
        transaction.add(row)
    return True


def waiting_approval(engine: Engine) -> Approval | None:
    """The version that waits, or None."""
    query = select(Approval).where(Approval.decision.is_(None))
    with reading(engine) as transaction:
        return transaction.scalar(query.order_by(Approval.asked_at.desc()).limit(1))


def is_approved(engine: Engine, version: int) -> bool:
    """Whether a person has said yes to a version."""
    with reading(engine) as transaction:
        row = transaction.get(Approval, version)
    return row is not None and row.decision == ApprovalDecision.APPROVED


def decide(engine: Engine, version: int, decision: ApprovalDecision, person: str) -> Approval:
    """End the wait of a version; raises AbsentError, or ConflictError if it was decided on."""
    values = {"decision": decision.value, "decided_at": datetime.now(UTC), "decided_by": person}
    step = update(Approval).where(Approval.version == version, Approval.decision.is_(None))
    with session(engine) as transaction:
        decided = transaction.execute(step.values(values).returning(Approval.version)).first()
    with reading(engine) as transaction:
        row = transaction.get(Approval, version)
    if row is None:
        raise AbsentError(f"version {version} does not wait for a person")
    if decided is None:
        raise ConflictError(f"version {version} was {row.decision} by {row.decided_by} before")
    return row


def reopen(engine: Engine, version: int) -> None:
    """Let a version wait again: what was decided could not be begun."""
    nothing = {"decision": None, "decided_at": None, "decided_by": None}
    with session(engine) as transaction:
        transaction.execute(update(Approval).where(Approval.version == version).values(nothing))


def _supersede(transaction: Session, actor: str) -> None:
    ended = {"decided_at": datetime.now(UTC), "decided_by": actor}
    waiting = update(Approval).where(Approval.decision.is_(None))
    transaction.execute(waiting.values(decision=ApprovalDecision.SUPERSEDED.value, **ended))
