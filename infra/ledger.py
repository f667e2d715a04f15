"""What happened: cycles asked for and turned, requests answered, drift checks.

At most one cycle runs. A cycle holds a lease that `heartbeat` renews; one that lets it run out is
closed as failed by the next claim, which takes over its requests, and whatever it still tries to
write raises ConflictError.
Clocks of the machines involved must agree to well within a lease.
"""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Engine, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from infra.database import reading, session
from infra.errors import ConflictError, UnreachableError
from infra.tables import Cycle, CycleRequest, DriftCheck

Trigger = Literal["drift", "schedule", "labels", "manual"]
Outcome = Literal["promoted", "rejected", "shadow", "failed"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunningCycle:
    """A claimed cycle: the right to write under its fencing token."""

    id: str
    fencing_token: int  # higher than that of every cycle before
    started_at: datetime
    requests: tuple[CycleRequest, ...]  # everything it answers, oldest first

    @property
    def actor(self) -> str:
        """What the audit log calls it."""
        return f"cycle {self.id}"


def request_cycle(engine: Engine, trigger: Trigger, reason: str) -> int:
    """Ask for a cycle; returns the id of the request, which waits until a cycle takes it."""
    request = CycleRequest(requested_at=_now(), trigger=trigger, reason=reason)
    with session(engine) as opened:
        opened.add(request)
    return request.id


def claim_cycle(engine: Engine, lease_s: float) -> RunningCycle | None:
    """Take all waiting requests into one new cycle.

    None where nothing waits or a live cycle runs.
    """
    try:
        with session(engine) as opened:
            _close_dead(opened, lease_s)
            return _begin(opened)
    except IntegrityError:  # another claim came first, and the index lets only one in
        return None


def close_dead_cycles(engine: Engine, lease_s: float) -> None:
    """Close cycles whose lease ran out; what they were asked to do waits again."""
    with session(engine) as opened:
        _close_dead(opened, lease_s)


def heartbeat(engine: Engine, cycle: RunningCycle) -> None:
    """Renew the lease; raises ConflictError once the cycle has been superseded."""
    with session(engine) as opened:
        _write(opened, cycle, heartbeat_at=_now())


@contextmanager
def keep_alive(engine: Engine, cycle: RunningCycle, every_s: float) -> Iterator[None]:
    """Renew the lease in the background; raises ConflictError at the end if it was lost."""
    over = threading.Event()
    lost: list[ConflictError] = []

    def beat() -> None:
        while not over.wait(every_s):
            try:
                heartbeat(engine, cycle)
            except UnreachableError as error:  # the lease may outlast it
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
    """Close the cycle; raises ConflictError if it was superseded. Closing again is no change."""
    with session(engine) as opened:
        if _ended_as(opened, cycle) == outcome:
            return
        now = _now()
        _write(
            opened,
            cycle,
            heartbeat_at=now,
            ended_at=now,
            running=None,
            outcome=outcome,
            summary=dict(summary),
        )


def running_cycle(engine: Engine) -> Cycle | None:
    """The cycle that runs now, be it alive or not."""
    with reading(engine) as opened:
        return opened.scalar(select(Cycle).where(Cycle.running.is_(True)))


def recent_cycles(engine: Engine, limit: int = 20) -> list[Cycle]:
    """The last cycles, newest first."""
    with reading(engine) as opened:
        return list(opened.scalars(select(Cycle).order_by(Cycle.fencing_token.desc()).limit(limit)))


def requests_of(engine: Engine, cycles: Iterable[Cycle]) -> dict[str, list[CycleRequest]]:
    """What asked for each cycle, oldest first, by the cycle's id."""
    asked: dict[str, list[CycleRequest]] = {cycle.id: [] for cycle in cycles}
    with reading(engine) as opened:
        rows = select(CycleRequest).where(CycleRequest.cycle_id.in_(asked))
        for request in opened.scalars(rows.order_by(CycleRequest.id)):
            asked[str(request.cycle_id)].append(request)
    return asked


def waiting_requests(engine: Engine) -> list[CycleRequest]:
    """Requests that no cycle has taken yet, oldest first."""
    with reading(engine) as opened:
        return list(opened.scalars(_waiting()))


def write_drift_check(engine: Engine, check: DriftCheck) -> int:
    """Keep the result of one look at the traffic; returns its id."""
    with session(engine) as opened:
        opened.add(check)
    return check.id


def recent_drift_checks(engine: Engine, limit: int = 20) -> list[DriftCheck]:
    """The last drift checks, newest first."""
    with reading(engine) as opened:
        return list(opened.scalars(select(DriftCheck).order_by(DriftCheck.id.desc()).limit(limit)))


def _close_dead(opened: Session, lease_s: float) -> None:
    now = _now()
    dead = opened.scalars(
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
    release = update(CycleRequest).where(CycleRequest.cycle_id.in_(dead)).values(cycle_id=None)
    opened.execute(release)


def _begin(opened: Session) -> RunningCycle | None:
    waiting = tuple(opened.scalars(_waiting().with_for_update()))
    if not waiting or opened.scalar(select(Cycle.id).where(Cycle.running.is_(True))):
        return None
    now = _now()
    token = (opened.scalar(select(func.max(Cycle.fencing_token))) or 0) + 1
    cycle = Cycle(
        id=str(uuid.uuid4()), started_at=now, heartbeat_at=now, running=True, fencing_token=token
    )
    opened.add(cycle)
    opened.flush()
    for request in waiting:
        request.cycle_id = cycle.id
    return RunningCycle(cycle.id, token, now, waiting)


def _waiting() -> Any:
    return select(CycleRequest).where(CycleRequest.cycle_id.is_(None)).order_by(CycleRequest.id)


def _write(opened: Session, cycle: RunningCycle, **values: Any) -> None:
    mine = (Cycle.id == cycle.id, Cycle.fencing_token == cycle.fencing_token)
    written = opened.execute(
        update(Cycle).where(*mine, Cycle.running.is_(True)).values(**values).returning(Cycle.id)
    ).all()
    if not written:
        raise ConflictError(f"cycle {cycle.id} was superseded or has ended: nothing was written")


def _ended_as(opened: Session, cycle: RunningCycle) -> str | None:
    row = opened.get(Cycle, cycle.id)
    return row.outcome if row and row.ended_at else None


def _now() -> datetime:
    return datetime.now(UTC)
