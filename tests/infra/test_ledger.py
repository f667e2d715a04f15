"""At most one cycle runs, whoever asks, and a superseded one writes nothing."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, func, select, update

from infra.database import reading, session
from infra.errors import ConflictError
from infra.ledger import (
    RunningCycle,
    claim_cycle,
    close_dead_cycles,
    finish,
    heartbeat,
    keep_alive,
    recent_cycles,
    recent_drift_checks,
    request_cycle,
    requests_of,
    running_cycle,
    waiting_requests,
    write_drift_check,
)
from infra.tables import Cycle, CycleRequestRow, DriftCheck

LEASE_S = 60.0


def _claim(engine: Engine) -> RunningCycle:
    request_cycle(engine, "manual", "a person asked")
    cycle = claim_cycle(engine, LEASE_S)
    assert cycle is not None
    return cycle


def _let_the_lease_run_out(engine: Engine, cycle: RunningCycle) -> None:
    past = datetime.now(UTC) - timedelta(seconds=LEASE_S + 1)
    with session(engine) as transaction:
        transaction.execute(update(Cycle).where(Cycle.id == cycle.id).values(heartbeat_at=past))


def test_without_a_request_no_cycle_begins(database: Engine) -> None:
    assert claim_cycle(database, LEASE_S) is None
    assert recent_cycles(database) == []


def test_several_requests_become_one_cycle(database: Engine) -> None:
    request_cycle(database, "drift", "scores moved")
    request_cycle(database, "labels", "20 new labels")
    cycle = claim_cycle(database, LEASE_S)
    assert cycle is not None
    assert [(r.trigger, r.reason) for r in cycle.requests] == [
        ("drift", "scores moved"),
        ("labels", "20 new labels"),
    ]
    assert waiting_requests(database) == []


def test_a_cycle_leaves_requests_by_other_triggers_waiting(database: Engine) -> None:
    request_cycle(database, "schedule", "weekly")
    assert claim_cycle(database, LEASE_S, ["labels"]) is None
    request_cycle(database, "labels", "20 new labels")
    cycle = claim_cycle(database, LEASE_S, ["labels"])
    assert cycle is not None
    assert [r.reason for r in cycle.requests] == ["20 new labels"]
    assert [r.reason for r in waiting_requests(database)] == ["weekly"]


def test_every_cycle_can_tell_what_asked_for_it(database: Engine) -> None:
    request_cycle(database, "drift", "scores moved")
    first = claim_cycle(database, LEASE_S)
    assert first is not None
    finish(database, first, "rejected", {})
    request_cycle(database, "schedule", "weekly")
    request_cycle(database, "manual", "a new corpus")
    second = claim_cycle(database, LEASE_S)
    assert second is not None
    request_cycle(database, "labels", "waits for the third")
    by_cycle = requests_of(database, recent_cycles(database))
    assert {
        cycle: [(r.trigger, r.reason) for r in requests] for cycle, requests in by_cycle.items()
    } == {
        first.id: [("drift", "scores moved")],
        second.id: [("schedule", "weekly"), ("manual", "a new corpus")],
    }


def test_what_is_asked_during_a_cycle_waits_for_the_next(database: Engine) -> None:
    first = _claim(database)
    request_cycle(database, "drift", "again")
    assert claim_cycle(database, LEASE_S) is None
    assert [r.reason for r in waiting_requests(database)] == ["again"]
    finish(database, first, "rejected", {"reason": "not better"})
    second = claim_cycle(database, LEASE_S)
    assert second is not None
    assert second.fencing_token > first.fencing_token


def test_a_silent_cycle_is_closed_as_failed_and_may_write_no_more(database: Engine) -> None:
    dead = _claim(database)
    _let_the_lease_run_out(database, dead)
    alive = _claim(database)
    with pytest.raises(ConflictError, match="superseded"):
        heartbeat(database, dead)
    with pytest.raises(ConflictError, match="superseded"):
        finish(database, dead, "promoted", {})
    outcomes = {cycle.id: cycle.outcome for cycle in recent_cycles(database)}
    assert outcomes == {alive.id: None, dead.id: "failed"}


def test_a_heartbeat_keeps_a_cycle_alive(database: Engine) -> None:
    cycle = _claim(database)
    _let_the_lease_run_out(database, cycle)
    heartbeat(database, cycle)
    request_cycle(database, "manual", "impatient")
    assert claim_cycle(database, LEASE_S) is None


def test_the_lease_is_renewed_while_long_work_goes_on(database: Engine) -> None:
    cycle = _claim(database)
    _let_the_lease_run_out(database, cycle)
    with keep_alive(database, cycle, every_s=0.01):
        time.sleep(0.3)
    running = running_cycle(database)
    assert running is not None
    assert running.heartbeat_at > datetime.now(UTC) - timedelta(seconds=LEASE_S)


def test_work_that_lost_its_lease_is_told_at_the_end(database: Engine) -> None:
    cycle = _claim(database)
    finish(database, cycle, "failed", {})
    with pytest.raises(ConflictError), keep_alive(database, cycle, every_s=0.01):
        time.sleep(0.3)


def test_a_cycle_may_be_closed_again_but_not_otherwise(database: Engine) -> None:
    cycle = _claim(database)
    finish(database, cycle, "promoted", {"version": 2})
    finish(database, cycle, "promoted", {"version": 2})
    with pytest.raises(ConflictError):
        finish(database, cycle, "failed", {})
    assert running_cycle(database) is None
    (row,) = recent_cycles(database)
    assert (row.outcome, row.summary) == ("promoted", {"version": 2})


def test_the_same_cause_waits_once_and_is_counted(database: Engine) -> None:
    first = request_cycle(database, "drift", "cm_score is 0.5 away", cause="drift")
    assert request_cycle(database, "drift", "cm_score is 0.6 away", cause="drift") == first
    assert request_cycle(database, "manual", "by hand") != first
    drift, manual = waiting_requests(database)
    assert (drift.times, drift.reason, manual.times) == (2, "cm_score is 0.6 away", 1)
    assert drift.requested_at < drift.last_requested_at  # type: ignore[operator]
    cycle = claim_cycle(database, LEASE_S)
    assert cycle is not None
    assert [(r.cause, r.times) for r in cycle.requests] == [("drift", 2), ("manual: by hand", 1)]
    assert request_cycle(database, "drift", "cm_score is 0.7 away", cause="drift") != first
    assert [r.times for r in waiting_requests(database)] == [1], "the next cycle's"


def test_requests_of_a_cycle_that_died_are_swept_back_with_their_counts(database: Engine) -> None:
    for _ in range(3):
        request_cycle(database, "labels", "20 new labels", cause="labels")
    dead = claim_cycle(database, LEASE_S)
    assert dead is not None and waiting_requests(database) == []
    _let_the_lease_run_out(database, dead)
    close_dead_cycles(database, LEASE_S)
    request_cycle(database, "labels", "21 new labels", cause="labels")
    (request,) = waiting_requests(database)
    assert (request.id, request.times) == (dead.requests[0].id, 4)


def test_of_many_claims_at_once_one_wins(database: Engine) -> None:
    for index in range(20):
        request_cycle(database, "drift", f"request {index}")
    won: list[RunningCycle] = []
    start = threading.Barrier(8)

    def race() -> None:
        start.wait()
        cycle = claim_cycle(database, LEASE_S)
        if cycle is not None:
            won.append(cycle)

    threads = [threading.Thread(target=race) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert len(won[0].requests) == 20


def test_a_dead_cycle_has_one_heir(database: Engine) -> None:
    _let_the_lease_run_out(database, _claim(database))
    request_cycle(database, "drift", "after the crash")
    won: list[RunningCycle | None] = []
    start = threading.Barrier(6)

    def race() -> None:
        start.wait()
        won.append(claim_cycle(database, LEASE_S))

    threads = [threading.Thread(target=race) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(cycle is not None for cycle in won) == 1


def test_processes_that_ask_and_claim_together_start_exactly_one_cycle(
    database: Engine, database_url: str
) -> None:
    source = f"""
from infra.database import open_database
from infra.ledger import claim_cycle, request_cycle
engine = open_database({database_url!r})
won = 0
for _ in range(10):
    request_cycle(engine, "drift", "race")
    won += claim_cycle(engine, 60.0) is not None
raise SystemExit(10 + won)
"""
    racers = [subprocess.Popen([sys.executable, "-c", source]) for _ in range(4)]
    assert sum(racer.wait(timeout=60) - 10 for racer in racers) == 1
    with reading(database) as transaction:
        assert transaction.scalar(select(func.sum(CycleRequestRow.times))) == 40
        assert len(waiting_requests(database)) == 1, "the cause that waits has one row"
        assert transaction.scalar(select(func.count()).select_from(Cycle)) == 1


def test_drift_checks_are_remembered_newest_first(database: Engine) -> None:
    for status in ("ok", "drift"):
        write_drift_check(
            database,
            DriftCheck(checked_at=datetime.now(UTC), model_version=1, status=status, report={}),
        )
    assert [check.status for check in recent_drift_checks(database)] == ["drift", "ok"]
