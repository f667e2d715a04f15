"""The rows of live streams: a worker writes what it knows, every worker can read it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Engine, select
from sqlalchemy.dialects import postgresql, sqlite

from infra.database import reading, session
from infra.tables import StreamRow
from infra.webhooks.outbox import WebhookEvent, put_in
from infra.webhooks.targets import Target

_INSERT: dict[str, Any] = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}


def write_streams(
    engine: Engine,
    rows: Sequence[Mapping[str, Any]],
    messages: Iterable[tuple[WebhookEvent, Target]] = (),
) -> None:
    """Write rows anew or over their earlier state, and messages about them, or none of both."""
    with session(engine) as transaction:
        insert = _INSERT[transaction.get_bind().dialect.name]
        for row in rows:
            statement = insert(StreamRow).values(row)
            newer = {name: value for name, value in row.items() if name != "id"}
            transaction.execute(statement.on_conflict_do_update(index_elements=["id"], set_=newer))
        for event, target in messages:
            put_in(transaction, event, target)


def read_stream(engine: Engine, stream_id: str) -> StreamRow | None:
    """The row of a stream; None where no worker has written one."""
    with reading(engine) as transaction:
        return transaction.get(StreamRow, stream_id)


def streams_of_call(engine: Engine, call_id: str, limit: int = 20) -> list[StreamRow]:
    """The last streams of a call, newest first."""
    own = select(StreamRow).where(StreamRow.call_id == call_id)
    with reading(engine) as transaction:
        newest = own.order_by(StreamRow.opened_at.desc(), StreamRow.id).limit(limit)
        return list(transaction.scalars(newest))
