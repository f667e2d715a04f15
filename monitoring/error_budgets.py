"""What the verdicts have spent of the error budget of each evaluation set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine

from infra.comparisons import SetHistory, histories
from models.params.promotion import PromotionParams
from models.promotion import Budget, EvaluationSet


@dataclass(frozen=True)
class SetBudget:
    """One set with the budget of its newest version; None: no verdict has used it."""

    name: EvaluationSet
    history: SetHistory | None = None
    budget: Budget | None = None

    def to_json(self) -> dict[str, Any]:
        """Size, uses and budget; of an unused set its name alone."""
        if self.history is None or self.budget is None:
            return {"set": self.name.value, "version": None}
        newest = self.history.newest
        return {
            "set": self.name.value,
            "version": newest.version,
            "trials": newest.bonafide + newest.spoof,
            "bonafide": newest.bonafide,
            "spoof": newest.spoof,
            "clusters": newest.clusters,
            "comparisons": self.history.comparisons,
            "spent": self.budget.spent,
            "left": self.budget.left,
            "worn_out": self.budget.worn_out,
            "decision": newest.decision,
            "compared_at": newest.compared_at.isoformat(),
        }


def error_budgets(engine: Engine, rules: PromotionParams) -> list[SetBudget]:
    """Every evaluation set that has trials of its own, with what the next verdict would find."""
    by_set = histories(engine)
    # past attacks are frozen and rolling, attack by attack
    names = [name for name in EvaluationSet if name is not EvaluationSet.PAST_ATTACKS]
    return [_with_budget(name, by_set.get(name.value), rules) for name in names]


def _with_budget(
    name: EvaluationSet, history: SetHistory | None, rules: PromotionParams
) -> SetBudget:
    if history is None:
        return SetBudget(name)
    budget = Budget(history.newest.version, history.spent, rules.direct_level, rules.error_budget)
    return SetBudget(name, history, budget)
