"""Drift checks as the page shows them, whichever antiphon wrote their documents."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, select

from infra.audit import Event
from infra.database import reading
from infra.ledger import recent_cycles, recent_drift_checks
from infra.tables import AuditRow, DriftCheck
from monitoring.console.loop_facts import MOVES, document_of

MOST_CHECKS = 200
MOST_MARKS = 200
GROUPS = {"feature": "input"}  # a name of earlier documents


@dataclass(frozen=True)
class SignalValue:
    """One signal in one window."""

    name: str
    group: str
    value: float
    threshold: float
    n: int | None
    moved: bool
    unit: str = ""
    in_a_row: int | None = None

    @property
    def of_limit(self) -> float:
        """The value in shares of its limit; an AUC counts from one half."""
        floor = 0.5 if self.name.endswith("auc") else 0.0
        room = self.threshold - floor
        return (self.value - floor) / room if room > 0 else 0.0


@dataclass(frozen=True)
class Mark:
    """Something that happened at a time of the curves."""

    at: datetime
    kind: str  # swap, cycle, release
    text: str


def last_checks(engine: Engine) -> list[DriftCheck]:
    """Oldest first."""
    return recent_drift_checks(engine, MOST_CHECKS)[::-1]


def last_statuses(engine: Engine) -> list[str]:
    """How the last checks ended, newest first."""
    statuses = select(DriftCheck.status).order_by(DriftCheck.id.desc()).limit(MOST_CHECKS)
    with reading(engine) as transaction:
        return list(transaction.scalars(statuses))


def values_of(report: Mapping[str, Any]) -> list[SignalValue]:
    """The signals of a check's document."""
    rows = report.get("signals")
    if not isinstance(rows, list):
        columns = report.get("columns") or {}
        rows = [{"name": name, **column} for name, column in columns.items()]
    return list(_values(rows, report.get("rows")))


def _values(rows: Sequence[Mapping[str, Any]], window: int | None) -> Iterator[SignalValue]:
    for row in rows:
        value, threshold = row.get("value", row.get("distance")), row.get("threshold")
        if not _is_number(value) or not _is_number(threshold):
            continue
        kind = str(row.get("group", row.get("kind", "")))
        yield SignalValue(
            str(row.get("name", "")),
            GROUPS.get(kind, kind),
            float(value or 0.0),
            float(threshold or 0.0),
            row.get("n", window),
            bool(row.get("moved")),
            str(row.get("unit", "")),
            row.get("in_a_row"),
        )


def curves(checks: Sequence[DriftCheck]) -> list[dict[str, Any]]:
    """For each signal: seconds since 1970, values and limits, ready for a chart."""
    series: dict[str, dict[str, Any]] = {}
    for check in checks:
        for signal in values_of(check.report):
            curve = series.setdefault(
                signal.name, {"name": signal.name, "group": signal.group, "t": [], "v": [], "l": []}
            )
            curve["t"].append(round(check.checked_at.timestamp()))
            curve["v"].append(round(signal.value, 5))
            curve["l"].append(round(signal.threshold, 5))
    return list(series.values())


def marks(engine: Engine, since: datetime) -> list[Mark]:
    """Swaps, releases and cycles from then on, oldest first."""
    events = [move.value for move in (*MOVES, Event.REGISTRATION)]
    rows = select(AuditRow).where(AuditRow.event.in_(events))
    with reading(engine) as transaction:
        newest = transaction.scalars(rows.order_by(AuditRow.seq.desc()).limit(MOST_MARKS)).all()
    happened = [*map(_of_row, newest), *_of_cycles(engine)]
    return sorted((mark for mark in happened if mark.at >= since), key=lambda mark: mark.at)


def _of_row(row: AuditRow) -> Mark:
    document = document_of(row)
    version = document.get("champion_again") or document.get("version")
    is_release = row.event == Event.REGISTRATION
    kind = "release" if is_release else "swap"
    text = f"version {version} registered" if is_release else f"{row.event}: version {version}"
    return Mark(datetime.fromisoformat(row.at), kind, text)


def _of_cycles(engine: Engine) -> Iterator[Mark]:
    for cycle in recent_cycles(engine, MOST_MARKS):
        if cycle.ended_at is not None:
            yield Mark(cycle.ended_at, "cycle", f"cycle {cycle.id[:8]} {cycle.outcome}")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
