"""How often each version of an evaluation set was asked, and what of its error budget is spent.

A verdict that is given again for the same run (a retried step, another champion) is the same look.
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
    """A set that a verdict looked at."""

    set_name: str
    version: str
    bonafide: int
    spoof: int
    clusters: int
    level: float  # of the error budget that the verdict spent


@dataclass(frozen=True)
class SetHistory:
    """The newest version of a set, and what that version has been asked."""

    newest: SetComparison
    comparisons: int
    spent: float


def record_looks(
    engine: Engine, run_id: str, decision: str, looks: Iterable[Look], cycle_id: str | None = None
) -> None:
    """Write what a verdict looked at, all or nothing; a look that is known is renewed."""
    with session(engine) as opened:
        rows = select(SetComparison).where(SetComparison.run_id == run_id)
        known = {(row.set_name, row.version): row for row in opened.scalars(rows)}
        for look in looks:
            row = known.get((look.set_name, look.version))
            if row is None:
                row = SetComparison(run_id=run_id, set_name=look.set_name, version=look.version)
                opened.add(row)
            row.cycle_id = cycle_id
            row.bonafide, row.spoof, row.clusters = look.bonafide, look.spoof, look.clusters
            row.level, row.decision = look.level, decision
            row.compared_at = datetime.now(UTC)


def spent(engine: Engine, versions: Sequence[str], besides: str | None = None) -> dict[str, float]:
    """The level spent on each version by all runs, but for the run `besides`."""
    level = func.sum(SetComparison.level)
    rows = select(SetComparison.version, level).where(SetComparison.version.in_(versions))
    if besides is not None:
        rows = rows.where(SetComparison.run_id != besides)
    with reading(engine) as opened:
        found = {
            version: float(total)
            for version, total in opened.execute(rows.group_by(SetComparison.version))
        }
    return {version: found.get(version, 0.0) for version in versions}


def histories(engine: Engine) -> dict[str, SetHistory]:
    """Of each set that was ever looked at, by its name."""
    latest = func.max(SetComparison.id)
    with reading(engine) as opened:
        ids = opened.scalars(select(latest).group_by(SetComparison.set_name)).all()
        newest = opened.scalars(select(SetComparison).where(SetComparison.id.in_(ids))).all()
        return {
            row.set_name: SetHistory(row, *opened.execute(_totals(row)).one()) for row in newest
        }


def _totals(row: SetComparison) -> Select[tuple[int, float]]:
    same = (SetComparison.set_name == row.set_name, SetComparison.version == row.version)
    return select(func.count(), func.sum(SetComparison.level)).where(*same)
