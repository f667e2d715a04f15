"""The one sentence that explains a verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from models.promotion.evidence import EvaluationSet
from models.promotion.verdict import Budget, Check, Decision, Finding, Superiority


def first_reason(rate: float, bound: float, golden: Check) -> str:
    """Why a candidate without a champion is or is not the first."""
    if golden.finding is Finding.FAILS:
        return f"there is no champion yet, but {golden.sentence}"
    relation = "below" if rate < bound else "not below"
    return (
        f"there is no champion yet, and an EER of {_percent(rate)} is {relation} the bound "
        f"of {_percent(bound)} for the first"
    )


def reason(
    decision: Decision,
    shown: Superiority,
    checks: Sequence[Check],
    budgets: Mapping[EvaluationSet, Budget],
    margin: float,
    saving: float,
) -> str:
    """Why a candidate is promoted, rejected or put in shadow, with the figures."""
    failing = [check.sentence for check in checks if check.finding is Finding.FAILS]
    change = _change(shown, margin, saving)
    if failing:
        return f"{change}; but {'; '.join(failing)}"
    if decision is not Decision.SHADOW:
        return change
    worn = [name for name, budget in budgets.items() if budget.worn_out]
    if shown.bound < margin and worn:
        return (
            f"{change}; but the {' and the '.join(worn)} set has spent its error budget and a "
            "fresh one is needed: live traffic decides"
        )
    return (
        f"{change}; {_percent(shown.share_below, 0)} of the draws lie below zero: "
        "live traffic decides"
    )


def _change(shown: Superiority, margin: float, saving: float) -> str:
    change = (
        f"from {_percent(shown.eer_champion)} to {_percent(shown.eer_candidate)} "
        f"({shown.evaluation_set}), with {100 * (1 - shown.level):g} % confidence"
    )
    amount = f"{100 * abs(shown.bound):.2f} points"
    if shown.bound < 0:
        return f"the EER falls beyond chance: {change} by at least {amount}"
    if shown.bound < margin:
        return (
            f"{100 * saving:.0f} % is saved, and the EER does not rise beyond the margin of "
            f"{100 * margin:g} points: {change} by at most {amount}"
        )
    allowed = f", {100 * margin:g} are allowed to a cheaper one" if margin else ""
    return (
        f"the EER does not fall beyond chance: {change} a rise by up to {amount} is not "
        f"excluded{allowed}"
    )


def _percent(rate: float, digits: int = 2) -> str:
    return f"{100 * rate:.{digits}f} %"
