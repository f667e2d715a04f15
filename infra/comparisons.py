"""Which sets each verdict used, what that spent of their error budgets, and the verdict itself.

Another verdict on the same run (a retried step, another champion) counts once. What a comparison
spends is charged to the trials that it used: the next version of a set takes it over with them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Engine, Select, func, select
from sqlalchemy.orm import Session

from infra.database import reading, session
from infra.tables import JudgedQuestion, SetComparison, SetTrials

Trials = NDArray[np.uint64]  # (trials,): 64 bits of the hash of each one's audio
_STORED = np.dtype("<u8")


def no_trials() -> Trials:
    """Of a set whose trials are not known."""
    return np.empty(0, dtype=np.uint64)


@dataclass(frozen=True)
class Look:
    """The use of a set by a verdict."""

    set_name: str
    version: str
    bonafide: int
    spoof: int
    clusters: int
    level: float  # of the error budget that the verdict spent
    trials: Trials = field(default_factory=no_trials)  # of a set that may be tested for a gain


@dataclass(frozen=True)
class SetHistory:
    """The newest version of a set, how often it was used, and what is spent on its trials."""

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
            _keep_trials(transaction, look)


def _keep_trials(transaction: Session, look: Look) -> None:
    if look.trials.size and transaction.get(SetTrials, look.version) is None:
        stored = np.unique(look.trials).astype(_STORED).tobytes()
        transaction.add(SetTrials(version=look.version, trials=stored))
        transaction.flush()  # two sets of one version would add it twice


def spent(
    engine: Engine, sets: Mapping[str, Trials], besides: str | None = None
) -> dict[str, float]:
    """The level spent on each version of a set, by all runs except the run `besides`.

    `sets` gives the trials of each version. A version has spent what the most used one of its
    trials has: the sum of the levels of every comparison that the trial took part in. Comparisons
    whose trials were not recorded count for their own version alone.
    """
    level = func.sum(SetComparison.level)
    rows = select(SetComparison.version, level).where(SetComparison.level > 0)
    if besides is not None:
        rows = rows.where(SetComparison.run_id != besides)
    sorted_sets = {version: np.unique(trials) for version, trials in sets.items()}
    by_trial = {version: np.zeros(max(t.size, 1)) for version, t in sorted_sets.items()}
    with reading(engine) as transaction:
        for earlier, total in transaction.execute(rows.group_by(SetComparison.version)).all():
            if earlier in sets:
                by_trial[earlier] += float(total)
            others = [version for version in sets if version != earlier and sets[version].size]
            used = _trials_of(transaction, earlier) if others else no_trials()
            for version in others:
                by_trial[version][_among(used, sorted_sets[version])] += float(total)
    return {version: float(levels.max()) for version, levels in by_trial.items()}


def _among(used: Trials, trials: Trials) -> NDArray[np.bool_]:
    """Which of some trials are among others, both sorted."""
    if not used.size:
        return np.zeros(trials.shape, dtype=np.bool_)
    places = np.minimum(np.searchsorted(used, trials), used.size - 1)
    return np.equal(used[places], trials)


def _trials_of(transaction: Session, version: str) -> Trials:
    row = select(SetTrials.trials).where(SetTrials.version == version)
    return np.frombuffer(transaction.scalar(row) or b"", dtype=_STORED)


def histories(engine: Engine) -> dict[str, SetHistory]:
    """The history of each set that was ever used, by its name."""
    latest = func.max(SetComparison.id)
    with reading(engine) as transaction:
        ids = transaction.scalars(select(latest).group_by(SetComparison.set_name)).all()
        newest = transaction.scalars(select(SetComparison).where(SetComparison.id.in_(ids))).all()
        uses = {row.set_name: transaction.scalar(_uses(row)) or 0 for row in newest}
        trials = {row.version: _trials_of(transaction, row.version) for row in newest}
    levels = spent(engine, trials)
    return {
        row.set_name: SetHistory(row, uses[row.set_name], levels[row.version]) for row in newest
    }


def _uses(row: SetComparison) -> Select[tuple[int]]:
    same = (SetComparison.set_name == row.set_name, SetComparison.version == row.version)
    return select(func.count()).where(*same)


def judged(engine: Engine, question: str) -> JudgedQuestion | None:
    """The verdict that was given on a question before."""
    with reading(engine) as transaction:
        return transaction.get(JudgedQuestion, question)


def record_judged(engine: Engine, question: str, run_id: str, verdict: str) -> None:
    """Keep a verdict as the one on its question; the first one stays."""
    with session(engine) as transaction:
        if transaction.get(JudgedQuestion, question) is None:
            row = JudgedQuestion(question=question, run_id=run_id, verdict=verdict)
            row.judged_at = datetime.now(UTC)
            transaction.add(row)
