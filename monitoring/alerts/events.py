"""What happened to the loop, read from the tables that its steps write anyway.

An event is the row that a step wrote in the transaction of its work, so nothing that happened is
lost where the process ends before it could tell, and a retried step tells nothing twice. The key of
an alert is that row's. Events older than a day are history: they raise no alert.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine, select

from infra.audit import Event
from infra.cycle_requests import waiting_requests
from infra.database import reading
from infra.past_cycles import LABELS_WANTED
from infra.tables import AuditRow, Cycle, DriftCheck, ScoredRequest
from models.params.retraining import RetrainingParams
from monitoring.alerts.alert import Alert, AlertKind
from monitoring.alerts.drift_turns import drift_alerts
from monitoring.budget import BY_PEOPLE, training_budget

HISTORY = timedelta(days=1)
_UNCONFIRMED = "did not confirm"  # of a version that later checks try again


def events(
    engine: Engine, params: RetrainingParams, silence_h: float, now: datetime
) -> Iterator[Alert]:
    """What happened in the last day; the same events again at every call."""
    since = now - HISTORY
    yield from drift_alerts(engine, since)
    yield from _cycle_alerts(engine, since)
    yield from _version_alerts(engine, since)
    yield from _budget_alerts(engine, params, now)
    yield from silence_alerts(engine, silence_h, now)


def silence_alerts(engine: Engine, silence_h: float, now: datetime) -> Iterator[Alert]:
    """The dead-man's switch: one alert where no check was written for so many hours.

    Where there was never a check, the first answered request starts the clock.
    """
    last = select(DriftCheck).order_by(DriftCheck.id.desc()).limit(1)
    first = select(ScoredRequest.scored_at).order_by(ScoredRequest.scored_at).limit(1)
    with reading(engine) as transaction:
        check = transaction.scalar(last)
        begin = check.checked_at if check else transaction.scalar(first)
    if begin is None or now - begin < timedelta(hours=silence_h):
        return
    what = "the last one" if check else "there was none yet; the first request was answered"
    yield Alert(
        f"checks.silent/{check.id if check else 0}",
        AlertKind.SILENT,
        f"No drift check for {silence_h:g} hours",
        f"No drift check has been written: {what} at {begin:%Y-%m-%d %H:%M} UTC. Drift, labels and "
        "requests lead to nothing meanwhile. See that Prefect and its worker run, that there is a "
        "champion, and what `antiphon monitor` says",
        begin + timedelta(hours=silence_h),
    )


def _cycle_alerts(engine: Engine, since: datetime) -> Iterator[Alert]:
    rows = select(Cycle).where(
        Cycle.ended_at >= since, Cycle.outcome.in_(("failed", LABELS_WANTED))
    )
    with reading(engine) as transaction:
        cycles = transaction.scalars(rows.order_by(Cycle.fencing_token)).all()
    for cycle in cycles:
        ended, reason = cycle.ended_at or cycle.started_at, (cycle.summary or {}).get("reason", "")
        if cycle.outcome == LABELS_WANTED:
            title = "Labels are wanted: traffic has drifted and none is new"
            yield Alert(f"labels.wanted/{cycle.id}", AlertKind.LABELS_WANTED, title, reason, ended)
            continue
        detail = f"{reason}. `antiphon cycles {cycle.id[:8]}` shows all of it"
        title = f"Cycle {cycle.id[:8]} failed"
        yield Alert(f"cycle.failed/{cycle.id}", AlertKind.CYCLE_FAILED, title, detail, ended)


def _version_alerts(engine: Engine, since: datetime) -> Iterator[Alert]:
    rows = select(AuditRow).where(AuditRow.event.in_(_OF_VERSIONS)).order_by(AuditRow.seq.desc())
    with reading(engine) as transaction:
        newest = transaction.scalars(rows.limit(200)).all()
    for row in reversed(newest):
        try:
            at = datetime.fromisoformat(row.at)
            alert = _OF_VERSIONS[row.event](row, json.loads(row.document), at)
        except (ValueError, LookupError, TypeError):  # altered: `antiphon audit verify` says so
            continue
        if at >= since:
            yield alert


def _approval_wanted(row: AuditRow, document: dict[str, Any], at: datetime) -> Alert:
    version = document["version"]
    title = f"Version {version} won and waits for a person"
    detail = f"{document['why']}. `antiphon approve {version}`, or the page Loop of the console"
    return Alert(f"approval.wanted/{row.seq}", AlertKind.APPROVAL_WANTED, title, detail, at)


def _promoted(row: AuditRow, document: dict[str, Any], at: datetime) -> Alert:
    title = f"Version {document['version']} was promoted"
    detail = f"By {row.actor}: {document['endpoint']}"
    return Alert(f"champion.promoted/{row.seq}", AlertKind.PROMOTED, title, detail, at)


def _refused(_: AuditRow, document: dict[str, Any], at: datetime) -> Alert:
    version, sentence = document["version"], document["endpoint"]
    again = document.get("champion_again")
    answers = f"version {again} is the champion again" if again else "there is no other champion"
    state = "unconfirmed" if _UNCONFIRMED in sentence else "refused"
    return Alert(
        f"endpoint.refused/{version}/{state}/{at:%Y-%m-%d}",  # an outage is told once a day
        AlertKind.REFUSED,
        f"The endpoint does not answer with version {version}: {state}",
        f"{sentence}; {answers}",
        at,
    )


def _rolled_back(row: AuditRow, document: dict[str, Any], at: datetime) -> Alert:
    version, before = document["version"], document.get("champion_before")
    title = f"Rolled back to version {version}"
    detail = f"By {row.actor}, in the place of {_named(before)}"
    return Alert(f"champion.rolled_back/{row.seq}", AlertKind.ROLLED_BACK, title, detail, at)


def _moved(row: AuditRow, document: dict[str, Any], at: datetime) -> Alert:
    title = f"The champion is {_named(document['version'])}, and antiphon did not move it"
    detail = (
        f"The log names {_named(document.get('champion_before'))}; somebody moved the alias in the "
        f"registry, or a process was killed while it did. Found by {row.actor}"
    )
    return Alert(f"champion.moved/{row.seq}", AlertKind.MOVED, title, detail, at)


def _named(version: int | None) -> str:
    return "none" if version is None else f"version {version}"


_OF_VERSIONS: dict[str, Callable[[AuditRow, dict[str, Any], datetime], Alert]] = {
    Event.APPROVAL_WANTED.value: _approval_wanted,
    Event.ROLL_OUT.value: _promoted,
    Event.REFUSAL.value: _refused,
    Event.ROLLBACK.value: _rolled_back,
    Event.ALIAS_MOVED.value: _moved,
}


def _budget_alerts(engine: Engine, params: RetrainingParams, now: datetime) -> Iterator[Alert]:
    """One alert a month, once a request waits for minutes."""
    budget = training_budget(engine, params, now)
    if budget is None or not budget.is_spent:
        return
    waiting = [r for r in waiting_requests(engine) if r.trigger not in BY_PEOPLE]
    if waiting:
        title = f"{len(waiting)} cycle requests wait: the training budget is used up"
        key = f"budget.spent/{budget.month:%Y-%m}"
        yield Alert(key, AlertKind.BUDGET_SPENT, title, budget.sentence, now)
