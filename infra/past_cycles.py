"""What the ledger says of ended cycles: which question one answered, and when people were asked.

A request for labels is a row among the cycles, so that their history is one list: it has the
outcome `labels wanted`, ran no stage and was claimed by nobody.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine, func, select

from infra.database import reading, session
from infra.errors import AbsentError
from infra.ledger import Trigger, recent_cycles, requests_of
from infra.tables import Cycle, CycleRequestRow

LABELS_WANTED = "labels wanted"
INPUTS = "inputs"  # the field of a summary: SHA-256 of all that a verdict depends on
_ANSWERED = ("promoted", "rejected", "shadow", "approval wanted")


@dataclass(frozen=True)
class PastCycle:
    """A cycle or a request for labels that has ended."""

    triggers: frozenset[str]
    outcome: str
    ended_at: datetime


def past_cycles(engine: Engine, limit: int = 100) -> list[PastCycle]:
    """The last ones, newest first."""
    cycles = [cycle for cycle in recent_cycles(engine, limit) if cycle.ended_at and cycle.outcome]
    requests = requests_of(engine, cycles)
    return [
        PastCycle(
            frozenset(request.trigger for request in requests[cycle.id]),
            cycle.outcome or "",
            cycle.ended_at or cycle.started_at,
        )
        for cycle in cycles
    ]


def last_turn(engine: Engine) -> datetime | None:
    """When the last cycle began that did more than to see that nothing had changed."""
    idle = (LABELS_WANTED, "unchanged")
    begun = select(func.max(Cycle.started_at)).where(
        Cycle.outcome.is_(None) | Cycle.outcome.not_in(idle)
    )
    with reading(engine) as transaction:
        return transaction.scalar(begun)


def minutes_of_cycles(engine: Engine, since: datetime) -> float:
    """How long the cycles that began since then ran, in minutes, each to its last sign of life."""
    rows = select(Cycle.started_at, Cycle.heartbeat_at).where(Cycle.started_at >= since)
    with reading(engine) as transaction:
        spans = transaction.execute(rows).all()
    seconds: float = sum((end - start).total_seconds() for start, end in spans)
    return seconds / 60


def answered_before(engine: Engine, inputs: str) -> Cycle | None:
    """The last cycle that came to a verdict from these inputs."""
    alike = Cycle.summary[INPUTS].as_string() == inputs
    rows = select(Cycle).where(Cycle.outcome.in_(_ANSWERED), alike)
    with reading(engine) as transaction:
        return transaction.scalar(rows.order_by(Cycle.fencing_token.desc()).limit(1))


def ask_for_labels(
    engine: Engine, trigger: Trigger, reason: str, summary: Mapping[str, Any]
) -> int:
    """Record that labels are wanted instead of a cycle; returns the id of the request."""
    now = datetime.now(UTC)
    with session(engine) as transaction:
        last = transaction.scalar(select(func.max(Cycle.fencing_token)))
        entry = Cycle(
            id=str(uuid.uuid4()),
            started_at=now,
            heartbeat_at=now,
            ended_at=now,
            fencing_token=(last or 0) + 1,
            outcome=LABELS_WANTED,
            summary=dict(summary),
        )
        transaction.add(entry)
        transaction.flush()
        request = CycleRequestRow(
            requested_at=now, trigger=trigger, reason=reason, cycle_id=entry.id
        )
        transaction.add(request)
    return request.id


def cycle_named(engine: Engine, beginning: str) -> Cycle:
    """The one cycle whose id begins so; raises AbsentError."""
    begins = Cycle.id.startswith(beginning, autoescape=True)
    with reading(engine) as transaction:
        cycles = list(transaction.scalars(select(Cycle).where(begins).limit(2)))
    if len(cycles) == 1:
        return cycles[0]
    if cycles:
        raise AbsentError(f"several cycles begin with {beginning!r}; more of the id expected")
    raise AbsentError(f"no cycle begins with {beginning!r}; `antiphon cycles` lists the last ones")
