"""Pauses of automatic promotion: state that every cycle reads, whoever runs it."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Engine, select, update

from infra.access.tables import PromotionPause
from infra.database import reading, session
from infra.errors import ConflictError


def current_pause(engine: Engine) -> PromotionPause | None:
    """The pause that holds now, or None."""
    query = select(PromotionPause).where(PromotionPause.ended_at.is_(None))
    with reading(engine) as transaction:
        return transaction.scalar(query.order_by(PromotionPause.id).limit(1))


def begin_pause(engine: Engine, person: str, reason: str) -> PromotionPause:
    """Pause automatic promotion; raises ConflictError if it is paused."""
    pause = PromotionPause(begun_at=datetime.now(UTC), begun_by=person, reason=reason)
    with session(engine) as transaction:  # one writer at a time on SQLite
        holding = transaction.scalar(
            select(PromotionPause).where(PromotionPause.ended_at.is_(None)).limit(1)
        )
        if holding is not None:
            raise ConflictError(f"{holding.begun_by} has paused automatic promotion already")
        transaction.add(pause)
    return pause


def end_pause(engine: Engine, person: str) -> None:
    """Let promotions be automatic again; raises ConflictError if they are."""
    holding = update(PromotionPause).where(PromotionPause.ended_at.is_(None))
    ended = holding.values(ended_at=datetime.now(UTC), ended_by=person)
    with session(engine) as transaction:
        rows = transaction.execute(ended.returning(PromotionPause.id)).all()
    if not rows:
        raise ConflictError("automatic promotion is not paused")
