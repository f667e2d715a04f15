"""Alerts and their deliveries in the database.

An alert is written once for its key, with a delivery to each sink in the same transaction. Any
process may then try what is due; it claims a delivery first, so that one tries at a time. A process
that dies while it sends leaves a claim that runs out, and the delivery is tried again under the
same message id: at least once, and recognisable where it is twice.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, select, update
from sqlalchemy.exc import IntegrityError

from infra.database import reading, session
from infra.tables import AlertDelivery, AlertRow
from infra.webhooks.delivery import DeliveryError
from monitoring.alerts.alert import Alert
from monitoring.alerts.sinks import Sink

WAITING, SENT, DEAD = "waiting", "sent", "dead"
# before the second attempt, the third, …; after the last one the delivery is dead
BACK_OFF = tuple(
    timedelta(seconds=s) for s in (30, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
)
CLAIM = timedelta(minutes=3)  # longer than any sink's attempt
_LEVELS = {"info": logging.INFO, "warning": logging.WARNING, "critical": logging.ERROR}
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Delivered:
    """What one call of `deliver` came to."""

    sent: int = 0
    failures: tuple[str, ...] = ()  # a sentence for each sink that took nothing


def raise_alerts(
    engine: Engine, alerts: Iterable[Alert], sinks: Collection[str], now: datetime | None = None
) -> list[AlertRow]:
    """Write the alerts whose keys are new, each to be sent to every sink; returns those."""
    raised = []
    for alert in _new(engine, list(alerts)):
        row = _row(alert, now or datetime.now(UTC))
        with suppress(IntegrityError):  # another process was first
            with session(engine) as transaction:
                transaction.add(row)
                transaction.flush()
                transaction.add_all(_delivery(row, sink) for sink in sinks)
            _log.log(_LEVELS[alert.severity], "alert %s: %s", alert.kind, alert.title)
            raised.append(row)
    return raised


def deliver(engine: Engine, sinks: Mapping[str, Sink], now: datetime | None = None) -> Delivered:
    """Try every delivery that is due; a sink that fails is not tried again in this call."""
    sent, failures = 0, dict[str, str]()
    while claim := _claim(engine, set(sinks) - failures.keys(), now or datetime.now(UTC)):
        alert, delivery = claim
        try:
            sinks[delivery.sink].send(alert)
        except DeliveryError as error:
            failures[delivery.sink] = f"{delivery.sink}: {error}"
            _log.warning("alert %s was not delivered: %s", alert.title, failures[delivery.sink])
            _record_failure(engine, delivery, error, now or datetime.now(UTC))
            continue
        _record(engine, delivery, state=SENT, ended_at=now or datetime.now(UTC), error=None)
        sent += 1
    return Delivered(sent, tuple(failures.values()))


def revive(engine: Engine, now: datetime | None = None) -> int:
    """Let dead deliveries be tried again, from their first attempt on; returns how many."""
    anew = {"state": WAITING, "attempts": 0, "ended_at": None, "claimed_until": None}
    dead = update(AlertDelivery).where(AlertDelivery.state == DEAD)
    due = dead.values(**anew, next_attempt_at=now or datetime.now(UTC))
    with session(engine) as transaction:
        return len(transaction.execute(due.returning(AlertDelivery.alert_id)).all())


def recent_alerts(engine: Engine, limit: int = 20) -> list[tuple[AlertRow, list[AlertDelivery]]]:
    """The last alerts, newest first, each with its deliveries."""
    newest = select(AlertRow).order_by(AlertRow.raised_at.desc(), AlertRow.id).limit(limit)
    with reading(engine) as transaction:
        alerts = transaction.scalars(newest).all()
        ids = [alert.id for alert in alerts]
        rows = transaction.scalars(
            select(AlertDelivery)
            .where(AlertDelivery.alert_id.in_(ids))
            .order_by(AlertDelivery.sink)
        ).all()
    return [(alert, [row for row in rows if row.alert_id == alert.id]) for alert in alerts]


def _new(engine: Engine, alerts: list[Alert]) -> list[Alert]:
    keys = select(AlertRow.key).where(AlertRow.key.in_([alert.key for alert in alerts]))
    with reading(engine) as transaction:
        known = set(transaction.scalars(keys))
    return [alert for alert in alerts if alert.key not in known]


def _row(alert: Alert, now: datetime) -> AlertRow:
    return AlertRow(
        id=str(uuid.uuid4()),
        key=alert.key,
        kind=alert.kind.value,
        severity=alert.severity,
        title=alert.title,
        detail=alert.detail,
        happened_at=alert.happened_at,
        raised_at=now,
    )


def _delivery(alert: AlertRow, sink: str) -> AlertDelivery:
    return AlertDelivery(
        alert_id=alert.id, sink=sink, state=WAITING, attempts=0, next_attempt_at=alert.raised_at
    )


def _claim(
    engine: Engine, sinks: Collection[str], now: datetime
) -> tuple[AlertRow, AlertDelivery] | None:
    """Take the next due delivery for this process alone; None where none is due."""
    due = (
        select(AlertDelivery)
        .where(AlertDelivery.state == WAITING, AlertDelivery.sink.in_(sinks))
        .where(AlertDelivery.next_attempt_at <= now)
        .where(AlertDelivery.claimed_until.is_(None) | (AlertDelivery.claimed_until < now))
        .order_by(AlertDelivery.next_attempt_at)
        .limit(1)
    )
    with reading(engine) as transaction:  # mostly none is, and a writer would wait for its lock
        if transaction.scalar(due) is None:
            return None
    with session(engine) as transaction:
        delivery = transaction.scalar(due.with_for_update(skip_locked=True))
        if delivery is None:
            return None
        delivery.claimed_until = now + CLAIM
        delivery.attempts += 1
        return transaction.get_one(AlertRow, delivery.alert_id), delivery


def _record_failure(
    engine: Engine, delivery: AlertDelivery, error: DeliveryError, now: datetime
) -> None:
    if error.is_final or delivery.attempts > len(BACK_OFF):
        _record(engine, delivery, state=DEAD, ended_at=now, error=str(error))
        return
    later = now + BACK_OFF[delivery.attempts - 1]
    _record(engine, delivery, next_attempt_at=later, error=str(error))


def _record(engine: Engine, delivery: AlertDelivery, **values: object) -> None:
    own = (AlertDelivery.alert_id == delivery.alert_id, AlertDelivery.sink == delivery.sink)
    with session(engine) as transaction:
        transaction.execute(update(AlertDelivery).where(*own).values(claimed_until=None, **values))
