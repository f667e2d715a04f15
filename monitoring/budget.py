"""The training budget: minutes of cycles in a calendar month of UTC."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine

from infra.past_cycles import minutes_of_cycles
from models.params.retraining import RetrainingParams

BY_PEOPLE = frozenset({"manual", "forced"})  # they start a cycle whatever the budget says


@dataclass(frozen=True)
class TrainingBudget:
    """What a month allows and what its cycles have used."""

    limit_min: float
    used_min: float
    month: datetime  # its first moment

    @property
    def is_spent(self) -> bool:
        """Whether only people start a further cycle."""
        return self.used_min >= self.limit_min

    @property
    def ends(self) -> datetime:
        """When the next month begins."""
        return (self.month + timedelta(days=32)).replace(day=1)

    @property
    def sentence(self) -> str:
        """Why a request waits."""
        return (
            f"the training budget of {self.limit_min:g} minutes a month is used up "
            f"({self.used_min:.0f} minutes in {self.month:%B}): cycles start again on "
            f"{self.ends:%Y-%m-%d}, or by `antiphon retrain` now"
        )


def training_budget(
    engine: Engine, params: RetrainingParams, now: datetime
) -> TrainingBudget | None:
    """The budget of this month; None where params set none."""
    if params.budget_min is None:
        return None
    month = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return TrainingBudget(params.budget_min, minutes_of_cycles(engine, month), month)


def over_budget(
    engine: Engine, triggers: Iterable[str], params: RetrainingParams, now: datetime
) -> str | None:
    """Why requests by these triggers have to wait; None where a person asks or minutes are left."""
    if not BY_PEOPLE.isdisjoint(triggers):
        return None
    budget = training_budget(engine, params, now)
    return budget.sentence if budget is not None and budget.is_spent else None
