"""`antiphon sets`: the evaluation sets and their error budgets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Column, Table

from flows.screen import Screen, print_json, styled

if TYPE_CHECKING:
    from rich.text import Text

    from infra.comparisons import SetHistory
    from models.promotion import Budget, EvaluationSet

_out = Screen()


def sets(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
) -> None:
    """Print each evaluation set of the last verdict, with its error budget."""
    from flows.places import current_params, engine
    from infra.comparisons import histories
    from models.promotion import Budget, EvaluationSet

    rules = current_params().promotion
    by_set = histories(engine())
    rows = []
    for name in EvaluationSet:
        if name is EvaluationSet.PAST_ATTACKS:
            continue  # frozen and rolling, attack by attack: no trials of its own
        history = by_set.get(name.value)
        budget = None
        if history is not None:
            version = history.newest.version
            budget = Budget(version, history.spent, rules.direct_level, rules.error_budget)
        rows.append(_Row(name, history, budget))
    if as_json:
        print_json([row.to_json() for row in rows])
        return
    columns = ("version", "bona fide", "spoof", "clusters", "asked", "spent", "left")
    # without separators the table fits into 80 columns
    head = Column("set", no_wrap=True), *(Column(name, no_wrap=True) for name in columns)
    table = Table(*head, box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for row in rows:
        table.add_row(*row.cells())
    _out.print(table)
    _out.print(
        f"Of a budget of {rules.error_budget:g}, a verdict spends {rules.direct_level:g} on the "
        "set on which it tests for a gain.",
        highlight=False,
    )


@dataclass(frozen=True)
class _Row:
    """One set; without history, no verdict has used it."""

    name: EvaluationSet
    history: SetHistory | None
    budget: Budget | None

    def to_json(self) -> dict[str, Any]:
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

    def cells(self) -> tuple[str | Text, ...]:
        if self.history is None or self.budget is None:
            return (self.name.value, "–")
        newest, budget = self.history.newest, self.budget
        return (
            self.name.value,
            newest.version[:8],
            f"{newest.bonafide:,}",
            f"{newest.spoof:,}",
            f"{newest.clusters:,}",
            f"{self.history.comparisons:,}",
            f"{budget.spent:g}",
            styled(("worn out", "red")) if budget.worn_out else f"{budget.left:g}",
        )
