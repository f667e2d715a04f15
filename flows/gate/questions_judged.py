"""A question to the gate has one answer: the same detectors, sets and rules again cost nothing.

What tells questions apart is what a verdict is computed from, except measured costs, which differ
a little each time: the content of both detector folders, the versions of all sets, the rules and
the code that applies them.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

from pydantic import TypeAdapter

from flows.candidate.workspace import code_hash
from flows.places import engine
from infra import comparisons
from models.promotion import Evidence, Verdict

if TYPE_CHECKING:
    from flows.evidence.case import Case
    from models.params.promotion import PromotionParams

_RULES = ("models/promotion", "models/evaluation")  # the code that makes a verdict of scores


@dataclass(frozen=True)
class JudgedBefore:
    """A verdict, and the run on which it was given."""

    run_id: str
    verdict: Verdict

    @property
    def spent(self) -> dict[str, float]:
        """The level that was spent on each version of a set before it."""
        return {budget.version: budget.spent for budget in self.verdict.budgets.values()}


def question_of(case: Case, evidence: Evidence, rules: PromotionParams) -> str | None:
    """SHA-256 of a question; None if a detector or a set has no hash to know it by."""
    contents = [case.candidate.content, case.champion.content if case.champion else "none"]
    versions = {name.value: pair.version for name, pair in evidence.sets.items()}
    if not all(contents) or not all(versions.values()):
        return None
    question = {
        "detectors": contents,
        "sets": versions,
        "slices": {
            name.value: {part: rows.size for part, rows in pair.slices.items()}
            for name, pair in evidence.sets.items()
        },
        "drifted": evidence.drifted,
        "rules": asdict(rules),
        "evaluation": asdict(evidence.evaluation),
        "miss_rate": evidence.miss_rate,
        "code": code_hash(*_RULES),
    }
    return hashlib.sha256(json.dumps(question, sort_keys=True).encode()).hexdigest()


def judged_before(question: str | None) -> JudgedBefore | None:
    """The verdict on a question that was given before."""
    row = comparisons.judged(engine(), question) if question else None
    if row is None:
        return None
    return JudgedBefore(row.run_id, _verdicts().validate_python(json.loads(row.verdict)))


def keep_judged(question: str | None, run_id: str, verdict: Verdict) -> None:
    """Keep a verdict as the answer to its question."""
    if question:
        comparisons.record_judged(engine(), question, run_id, json.dumps(asdict(verdict)))


def repeated(before: JudgedBefore) -> Verdict:
    """The same verdict for another run, which says so."""
    warning = f"the question is that of run {before.run_id}: its verdict stands, nothing is spent"
    return replace(before.verdict, warnings=(*before.verdict.warnings, warning))


@cache
def _verdicts() -> TypeAdapter[Verdict]:
    return TypeAdapter(Verdict)
