"""Since when a version serves, by the audit log."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine

from infra import audit
from infra.audit import Event
from infra.database import open_database
from infra.settings import settings
from infra.swaps import serving_since, swaps


@pytest.fixture
def log(state: Path) -> Iterator[Engine]:
    """An empty audit log."""
    assert state.is_dir()
    engine = open_database(settings().database_url)
    yield engine
    engine.dispose()


def promote(log: Engine, version: int) -> datetime:
    """Append the row of a promotion; its time."""
    row = audit.append(log, Event.PROMOTION, "a cycle", {"version": version})
    return datetime.fromisoformat(row.at)


def test_a_version_serves_since_its_own_promotion(log: Engine) -> None:
    first, second = promote(log, 1), promote(log, 2)
    assert serving_since(log, 2) == second > first
    assert serving_since(log, 1) is None, "it does not serve"


def test_a_version_that_came_back_serves_since_the_rollback(log: Engine) -> None:
    promote(log, 1)
    promote(log, 2)
    row = audit.append(log, Event.ROLLBACK, "ada", {"version": 1, "champion_before": 2})
    assert serving_since(log, 1) == datetime.fromisoformat(row.at)


def test_a_promotion_that_the_endpoint_refused_interrupts_nothing(log: Engine) -> None:
    first = promote(log, 1)
    promote(log, 2)
    audit.append(log, Event.REFUSAL, "a cycle", {"version": 2, "champion_again": 1})
    assert serving_since(log, 1) == first
    assert [swap.version for swap in swaps(log)] == [1, 2, 1]


def test_a_log_that_names_nobody_tells_nothing(log: Engine) -> None:
    assert serving_since(log, 1) is None
