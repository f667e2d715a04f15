"""The minutes of cycles in a month, and who may still start one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from infra.database import open_database, session
from infra.tables import Cycle
from models.params.retraining import RetrainingParams
from monitoring.budget import over_budget, training_budget

NOW = datetime(2026, 12, 20, 12, tzinfo=UTC)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Engine]:
    """A cycle of 50 minutes last month, two of 30 this month, the second of which was killed."""
    engine = open_database(f"sqlite:///{tmp_path}/antiphon.db")
    begins = (datetime(2026, 11, 30, 23, 50, tzinfo=UTC), NOW - timedelta(days=3), NOW)
    with session(engine) as transaction:
        for token, (begin, minutes) in enumerate(zip(begins, (50, 30, 30), strict=True)):
            end = begin + timedelta(minutes=minutes)
            closed = end + timedelta(hours=60 * token)  # where nobody looked for days
            transaction.add(
                Cycle(id=f"c{token}", started_at=begin, heartbeat_at=end, ended_at=closed,
                      fencing_token=token, outcome="failed"))  # fmt: skip
    yield engine
    engine.dispose()


def test_a_month_counts_its_own_cycles_to_their_last_sign_of_life(database: Engine) -> None:
    budget = training_budget(database, RetrainingParams(budget_min=90.0), NOW)
    assert budget is not None
    assert (budget.used_min, budget.is_spent) == (60.0, False)
    assert (budget.month.isoformat()[:10], budget.ends.isoformat()[:10]) == (
        "2026-12-01",
        "2027-01-01",
    )


def test_over_the_budget_only_people_start_a_cycle(database: Engine) -> None:
    spent = RetrainingParams(budget_min=60.0)
    why = over_budget(database, {"drift", "schedule"}, spent, NOW)
    assert why == (
        "the training budget of 60 minutes a month is used up (60 minutes in December): cycles "
        "start again on 2027-01-01, or by `antiphon retrain` now"
    )
    assert over_budget(database, {"drift", "manual"}, spent, NOW) is None
    assert over_budget(database, {"drift"}, RetrainingParams(budget_min=61.0), NOW) is None
    assert over_budget(database, {"drift"}, RetrainingParams(), NOW) is None, "no limit"
