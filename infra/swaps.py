"""When which version became the champion, by the audit log."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, select

from infra.audit import Event
from infra.database import reading
from infra.tables import AuditRow

MOVES = (Event.PROMOTION, Event.REFUSAL, Event.ROLLBACK, Event.ALIAS_MOVED)


@dataclass(frozen=True)
class Swap:
    """A move of the alias."""

    event: str
    version: int | None  # the champion after it
    at: datetime


def swaps(engine: Engine, limit: int = 100) -> list[Swap]:
    """The last moves, newest first; rows that were altered are left out."""
    rows = select(AuditRow).where(AuditRow.event.in_(MOVES)).order_by(AuditRow.seq.desc())
    with reading(engine) as transaction:
        moves = map(swap_of, transaction.scalars(rows.limit(limit)).all())
    return [move for move in moves if move is not None]


def swap_of(row: AuditRow) -> Swap | None:
    """What a row tells of the alias; None where it tells of no move, or not any more."""
    if row.event not in MOVES:
        return None
    try:
        document = json.loads(row.document)
        champion = document.get("champion_again") or document["version"]
        return Swap(row.event, champion, datetime.fromisoformat(row.at))
    except (ValueError, KeyError, AttributeError):  # altered: `antiphon audit verify` says so
        return None


def serving_since(engine: Engine, version: int) -> datetime | None:
    """When a version became the champion the last time; None where the log does not tell.

    A promotion that the endpoint refused does not count: the champion before went on.
    """
    since = None
    moves = iter(swaps(engine))  # newest first: back to one that names another version
    for swap in moves:
        if swap.event == Event.REFUSAL:
            next(moves, None)  # the promotion that did not last
        elif swap.version != version:
            break
        else:
            since = swap.at
    return since
