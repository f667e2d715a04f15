"""How often each version of an evaluation set was used, and how much of its error budget is spent.

Another verdict on the same run (a retried step, another champion) counts once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Engine, Select, func, select

from infra.database import reading, session
from infra.tables import SetComparison


@dataclass(frozen=True)
class Look:
    """The use of a set by a verdict."""

    set_name: str
    version: str
    bonafide: int
    spoof: int
    clusters: int
    level: float  # of the error budget that the verdict spent


@dataclass(frozen=True)
class SetHistory:
    """The newest version of a set, and the use of that version."""

    newest: SetComparison
    comparisons: int
    spent: float


def record_looks(
    engine: Engine, run_id: str, decision: str, looks: Iterable[Look], cycle_id: str | None = None
) -> None:
    """Write the sets that a verdict used, in one transaction; an existing row is updated."""
    with session(engine) as transaction:
        rows = select(SetComparison).where(SetComparison.run_id == run_id)
        existing = {(row.set_name, row.version): row for row in transaction.scalars(rows)}
        for look in looks:
            row = existing.get((look.set_name, look.version))
            if row is None:
                row = SetComparison(run_id=run_id, set_name=look.set_name, version=look.version)
                transaction.add(row)
            row.cycle_id = cycle_id
            row.bonafide, row.spoof, row.clusters = look.bonafide, look.spoof, look.clusters
            row.level, row.decision = look.level, decision
            row.compared_at = datetime.now(UTC)


def spent(engine: Engine, versions: Sequence[str], besides: str | None = None) -> dict[str, float]:
    """The level spent on each version by all runs except the run `besides`."""
    level = func.sum(SetComparison.level)
    rows = select(SetComparison.version, level).where(SetComparison.version.in_(versions))
    if besides is not None:
        rows = rows.where(SetComparison.run_id != besides)
    with reading(engine) as transaction:
        totals = {
            version: float(total)
            for version, total in transaction.execute(rows.group_by(SetComparison.version))
        }
    return {version: totals.get(version, 0.0) for version in versions}


def histories(engine: Engine) -> dict[str, SetHistory]:
    """The history of each set that was ever used, by its name."""
    latest = func.max(SetComparison.id)
    with reading(engine) as transaction:
        ids = transaction.scalars(select(latest).group_by(SetComparison.set_name)).all()
        newest = transaction.scalars(select(SetComparison).where(SetComparison.id.in_(ids))).all()
        return {
            row.set_name: SetHistory(row, *transaction.execute(_totals(row)).one())
            for row in newest
        }


def _totals(row: SetComparison) -> Select[tuple[int, float]]:
    same = (SetComparison.set_name == row.set_name, SetComparison.version == row.version)
    return select(func.count(), func.sum(SetComparison.level)).where(*same)
