"""Messages and their deliveries in the database.

A message is written once for its key. Any process may then try what is due; it claims a message
first, so that one tries at a time. A process that dies while it sends leaves a claim that runs out,
and the message is sent again under the same id: at least once, and recognisable where it is twice.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from infra.database import reading, session
from infra.tables import WebhookMessage
from infra.webhooks.delivery import DeliveryError
from infra.webhooks.targets import Target

WAITING, SENT, DEAD = "waiting", "sent", "dead"
# before the second attempt, the third, …; after the last one the message is dead
BACK_OFF = tuple(timedelta(seconds=s) for s in (5, 30, 300, 1_800, 7_200, 18_000, 36_000, 50_400))
CLAIM = timedelta(minutes=2)  # longer than an attempt
KEPT = timedelta(days=7)  # messages that were sent; dead ones stay until somebody looks
_INSERT: dict[str, Any] = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}


@dataclass(frozen=True)
class WebhookEvent:
    """What happened, for one receiver; two with the same key are one."""

    key: str  # at most 200 characters
    kind: str  # such as stream.ended
    happened_at: datetime
    data: Mapping[str, Any]

    @property
    def body(self) -> str:
        """The document that is signed and sent."""
        document = {
            "type": self.kind,
            "timestamp": self.happened_at.isoformat(),
            "data": dict(self.data),
        }
        return json.dumps(document, separators=(",", ":"), allow_nan=False)


def put(engine: Engine, event: WebhookEvent, target: Target) -> None:
    """Write a message; nothing if its key is there already. Raises UnreachableError."""
    with session(engine) as transaction:
        put_in(transaction, event, target)


def put_in(transaction: Session, event: WebhookEvent, target: Target) -> None:
    """Write a message as part of a transaction: it is sent if and only if the rest is written."""
    now = datetime.now(UTC)
    row = {
        "id": str(uuid.uuid4()),
        "key": event.key,
        "kind": event.kind,
        "url": f"{target.receiver}{target.path}",
        "receiver": target.receiver,
        "body": event.body,
        "made_at": now,
        "state": WAITING,
        "attempts": 0,
        "next_attempt_at": now,
    }
    insert = _INSERT[transaction.get_bind().dialect.name]
    transaction.execute(insert(WebhookMessage).values(row).on_conflict_do_nothing())


def claim(
    engine: Engine, limit: int, without: Collection[str], now: datetime | None = None
) -> list[WebhookMessage]:
    """Take due messages for this process alone, oldest first; none of receivers in `without`."""
    moment = now or datetime.now(UTC)
    due = (
        select(WebhookMessage)
        .where(WebhookMessage.state == WAITING, WebhookMessage.next_attempt_at <= moment)
        .where(WebhookMessage.claimed_until.is_(None) | (WebhookMessage.claimed_until < moment))
        .where(WebhookMessage.receiver.not_in(without))
        .order_by(WebhookMessage.next_attempt_at)
        .limit(limit)
    )
    with reading(engine) as transaction:  # mostly none is, and a writer would wait for its lock
        if transaction.scalar(due.limit(1)) is None:
            return []
    with session(engine) as transaction:
        messages = list(transaction.scalars(due.with_for_update(skip_locked=True)))
        for message in messages:
            message.claimed_until = moment + CLAIM
            message.attempts += 1
    return messages


def record_sent(engine: Engine, message: WebhookMessage, now: datetime | None = None) -> None:
    """A receiver took a claimed message."""
    _record(engine, message, state=SENT, ended_at=now or datetime.now(UTC), error=None)


def record_failure(
    engine: Engine, message: WebhookMessage, error: DeliveryError, now: datetime | None = None
) -> None:
    """A receiver did not take a claimed message: it waits longer than before, or is dead."""
    moment = now or datetime.now(UTC)
    if error.is_final or message.attempts > len(BACK_OFF):
        _record(engine, message, state=DEAD, ended_at=moment, error=str(error))
        return
    later = moment + BACK_OFF[message.attempts - 1]
    _record(engine, message, next_attempt_at=later, error=str(error))


def revive(engine: Engine, now: datetime | None = None) -> int:
    """Let dead messages be tried again, from their first attempt on; returns how many."""
    anew = {"state": WAITING, "attempts": 0, "ended_at": None, "claimed_until": None}
    dead = update(WebhookMessage).where(WebhookMessage.state == DEAD)
    due = dead.values(**anew, next_attempt_at=now or datetime.now(UTC))
    with session(engine) as transaction:
        return len(transaction.execute(due.returning(WebhookMessage.id)).all())


def forget_sent(engine: Engine, now: datetime | None = None) -> int:
    """Delete messages that were sent some days ago; returns how many."""
    old = (now or datetime.now(UTC)) - KEPT
    gone = delete(WebhookMessage).where(WebhookMessage.state == SENT, WebhookMessage.ended_at < old)
    with session(engine) as transaction:
        return len(transaction.execute(gone.returning(WebhookMessage.id)).all())


def recent_messages(
    engine: Engine, limit: int = 20, state: str | None = None
) -> list[WebhookMessage]:
    """The last messages, newest first."""
    query = select(WebhookMessage).order_by(WebhookMessage.made_at.desc(), WebhookMessage.id)
    if state is not None:
        query = query.where(WebhookMessage.state == state)
    with reading(engine) as transaction:
        return list(transaction.scalars(query.limit(limit)))


def _record(engine: Engine, message: WebhookMessage, **values: object) -> None:
    own = update(WebhookMessage).where(WebhookMessage.id == message.id)
    with session(engine) as transaction:
        transaction.execute(own.values(claimed_until=None, **values))
