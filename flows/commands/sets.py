"""`antiphon sets`: the evaluation sets and their error budgets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Column, Table

from flows.screen import Screen, print_json, styled

if TYPE_CHECKING:
    from rich.text import Text

    from monitoring.error_budgets import SetBudget

_out = Screen()


def sets(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
) -> None:
    """Print each evaluation set of the last verdict, with its error budget."""
    from flows.places import current_params, engine
    from monitoring.error_budgets import error_budgets

    rules = current_params().promotion
    budgets = error_budgets(engine(), rules)
    if as_json:
        print_json([budget.to_json() for budget in budgets])
        return
    columns = ("version", "bona fide", "spoof", "clusters", "asked", "spent", "left")
    # without separators the table fits into 80 columns
    head = Column("set", no_wrap=True), *(Column(name, no_wrap=True) for name in columns)
    table = Table(*head, box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for budget in budgets:
        table.add_row(*_cells(budget))
    _out.print(table)
    _out.print(
        f"Of a budget of {rules.error_budget:g}, a verdict spends {rules.direct_level:g} on the "
        "set on which it tests for a gain.",
        highlight=False,
    )


def _cells(row: SetBudget) -> tuple[str | Text, ...]:
    if row.history is None or row.budget is None:
        return (row.name.value, "–")
    newest, budget = row.history.newest, row.budget
    return (
        row.name.value,
        newest.version[:8],
        f"{newest.bonafide:,}",
        f"{newest.spoof:,}",
        f"{newest.clusters:,}",
        f"{row.history.comparisons:,}",
        f"{budget.spent:g}",
        styled(("worn out", "red")) if budget.worn_out else f"{budget.left:g}",
    )
