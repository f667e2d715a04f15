"""The inbox of cycle requests: the same cause waits once, however often it is named."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Literal

from sqlalchemy import Engine, Select, select, text
from sqlalchemy.orm import Session

from infra.database import reading, session
from infra.tables import Cycle, CycleRequestRow

# forced: by a person or a schedule, and turned even where nothing has changed
Trigger = Literal["drift", "schedule", "labels", "manual", "forced", "follow-up"]

_TURN = 0x696E626F  # any number, the same in every process


def request_cycle(engine: Engine, trigger: Trigger, reason: str, cause: str | None = None) -> int:
    """Request a cycle; returns the id of the request, which waits until a cycle takes it.

    While a request by the same cause waits, by default the same trigger and reason, it is counted
    there instead and gets the newer reason.
    """
    now, cause = datetime.now(UTC), cause or f"{trigger}: {reason}"
    with session(engine) as transaction:
        _take_turn(transaction)
        alike = waiting().where(CycleRequestRow.cause == cause).limit(1)
        request = transaction.scalar(alike.with_for_update())
        if request is None:
            request = CycleRequestRow(requested_at=now, trigger=trigger, cause=cause, times=0)
            transaction.add(request)
        request.reason, request.last_requested_at = reason, now
        request.times += 1
    return request.id


def waiting_requests(engine: Engine) -> list[CycleRequestRow]:
    """Requests that no cycle has taken yet, oldest first."""
    with reading(engine) as transaction:
        return list(transaction.scalars(waiting()))


def requests_of(engine: Engine, cycles: Iterable[Cycle]) -> dict[str, list[CycleRequestRow]]:
    """The requests of each cycle, oldest first, by the cycle's id."""
    requests: dict[str, list[CycleRequestRow]] = {cycle.id: [] for cycle in cycles}
    with reading(engine) as transaction:
        rows = select(CycleRequestRow).where(CycleRequestRow.cycle_id.in_(requests))
        for request in transaction.scalars(rows.order_by(CycleRequestRow.id)):
            requests[str(request.cycle_id)].append(request)
    return requests


def last_taken(engine: Engine, limit: int = 20) -> list[tuple[CycleRequestRow, Cycle]]:
    """The last requests that a cycle took, newest first, with that cycle."""
    rows = (
        select(CycleRequestRow, Cycle)
        .join(Cycle, CycleRequestRow.cycle_id == Cycle.id)
        .order_by(CycleRequestRow.id.desc())
        .limit(limit)
    )
    with reading(engine) as transaction:
        return [(request, cycle) for request, cycle in transaction.execute(rows).all()]


def waiting() -> Select[tuple[CycleRequestRow]]:
    """The query of waiting requests, oldest first."""
    return (
        select(CycleRequestRow)
        .where(CycleRequestRow.cycle_id.is_(None))
        .order_by(CycleRequestRow.id)
    )


def _take_turn(transaction: Session) -> None:
    # SQLite already allows one writer only
    if transaction.get_bind().dialect.name == "postgresql":
        transaction.execute(text(f"SELECT pg_advisory_xact_lock({_TURN})"))
