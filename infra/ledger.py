"""The ledger: requests for cycles, cycles and drift checks.

At most one cycle runs. A cycle holds a lease that `heartbeat` renews. The next claim closes a cycle
with an expired lease as failed and takes over its requests; later writes of that cycle raise
ConflictError. The clocks of the machines must agree to well within a lease.
"""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, get_args

from sqlalchemy import Engine, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from infra.cycle_requests import Trigger as Trigger
from infra.cycle_requests import request_cycle as request_cycle
from infra.cycle_requests import requests_of as requests_of
from infra.cycle_requests import waiting
from infra.cycle_requests import waiting_requests as waiting_requests
from infra.database import reading, session
from infra.errors import ConflictError, UnreachableError
from infra.tables import Cycle, CycleRequestRow, DriftCheck

Ended = Literal[
    "promoted", "unconfirmed", "rejected", "shadow", "approval wanted", "unchanged", "failed",
    "cancelled",
]  # fmt: skip
Outcome = Literal[Ended, "labels wanted"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunningCycle:
    """A claimed cycle: the right to write under its fencing token."""

    id: str
    fencing_token: int  # higher than that of every earlier cycle
    started_at: datetime
    requests: tuple[CycleRequestRow, ...]  # the requests it took, oldest first

    @property
    def actor(self) -> str:
        """Its name in the audit log."""
        return f"cycle {self.id}"


def claim_cycle(
    engine: Engine, lease_s: float, triggers: Collection[Trigger] = get_args(Trigger)
) -> RunningCycle | None:
    """Take all waiting requests of these triggers into one new cycle.

    None if no such request waits or a live cycle runs.
    """
    try:
        with session(engine) as transaction:
            _close_dead(transaction, lease_s)
            return _begin(transaction, triggers)
    except IntegrityError:  # another claim came first; the index allows one
        return None


def close_dead_cycles(engine: Engine, lease_s: float) -> None:
    """Close cycles with an expired lease; their requests wait again."""
    with session(engine) as transaction:
        _close_dead(transaction, lease_s)


def heartbeat(engine: Engine, cycle: RunningCycle) -> None:
    """Renew the lease; raises ConflictError once the cycle has been superseded."""
    with session(engine) as transaction:
        _write(transaction, cycle, heartbeat_at=_now())


@contextmanager
def keep_alive(engine: Engine, cycle: RunningCycle, every_s: float) -> Iterator[None]:
    """Renew the lease in the background; raises ConflictError at the end if it was lost."""
    over = threading.Event()
    lost: list[ConflictError] = []

    def beat() -> None:
        while not over.wait(every_s):
            try:
                heartbeat(engine, cycle)
            except UnreachableError as error:  # the outage may end before the lease does
                _log.warning("cycle %s: no heartbeat: %s", cycle.id, error)
            except ConflictError as error:
                lost.append(error)
                return

    thread = threading.Thread(target=beat, name=f"heartbeat-{cycle.id}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    if lost:
        raise lost[0]


def finish(
    engine: Engine, cycle: RunningCycle, outcome: Outcome, summary: Mapping[str, Any]
) -> None:
    """Close the cycle; raises ConflictError if it was superseded. Repeating it changes nothing."""
    with session(engine) as transaction:
        if _ended_as(transaction, cycle) == outcome:
            return
        now = _now()
        _write(
            transaction,
            cycle,
            heartbeat_at=now,
            ended_at=now,
            running=None,
            outcome=outcome,
            summary=dict(summary),
        )


def running_cycle(engine: Engine) -> Cycle | None:
    """The running cycle, even if its lease has expired."""
    with reading(engine) as transaction:
        return transaction.scalar(select(Cycle).where(Cycle.running.is_(True)))


def recent_cycles(engine: Engine, limit: int = 20) -> list[Cycle]:
    """The last cycles, newest first."""
    with reading(engine) as transaction:
        return list(
            transaction.scalars(select(Cycle).order_by(Cycle.fencing_token.desc()).limit(limit))
        )


def write_drift_check(engine: Engine, check: DriftCheck) -> int:
    """Store the result of a drift check; returns its id."""
    with session(engine) as transaction:
        transaction.add(check)
    return check.id


def recent_drift_checks(engine: Engine, limit: int = 20) -> list[DriftCheck]:
    """The last drift checks, newest first."""
    with reading(engine) as transaction:
        return list(
            transaction.scalars(select(DriftCheck).order_by(DriftCheck.id.desc()).limit(limit))
        )


def _close_dead(transaction: Session, lease_s: float) -> None:
    now = _now()
    dead = transaction.scalars(
        update(Cycle)
        .where(Cycle.running.is_(True), Cycle.heartbeat_at < now - timedelta(seconds=lease_s))
        .values(
            running=None,
            ended_at=now,
            outcome="failed",
            summary={"reason": f"no sign of life for {lease_s:g} s"},
        )
        .returning(Cycle.id)
    ).all()
    release = (
        update(CycleRequestRow).where(CycleRequestRow.cycle_id.in_(dead)).values(cycle_id=None)
    )
    transaction.execute(release)


def _begin(transaction: Session, triggers: Collection[Trigger]) -> RunningCycle | None:
    wanted = waiting().where(CycleRequestRow.trigger.in_(triggers))
    requests = tuple(transaction.scalars(wanted.with_for_update()))
    if not requests or transaction.scalar(select(Cycle.id).where(Cycle.running.is_(True))):
        return None
    now = _now()
    token = (transaction.scalar(select(func.max(Cycle.fencing_token))) or 0) + 1
    cycle = Cycle(
        id=str(uuid.uuid4()), started_at=now, heartbeat_at=now, running=True, fencing_token=token
    )
    transaction.add(cycle)
    transaction.flush()
    for request in requests:
        request.cycle_id = cycle.id
    return RunningCycle(cycle.id, token, now, requests)


def _write(transaction: Session, cycle: RunningCycle, **values: Any) -> None:
    own_row = (Cycle.id == cycle.id, Cycle.fencing_token == cycle.fencing_token)
    written = transaction.execute(
        update(Cycle).where(*own_row, Cycle.running.is_(True)).values(**values).returning(Cycle.id)
    ).all()
    if not written:
        raise ConflictError(f"cycle {cycle.id} was superseded or has ended: nothing was written")


def _ended_as(transaction: Session, cycle: RunningCycle) -> str | None:
    row = transaction.get(Cycle, cycle.id)
    return row.outcome if row and row.ended_at else None


def _now() -> datetime:
    return datetime.now(UTC)
