"""Reviewers, and flagged requests in a database."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.infra.review_desk import flag_requests, register_people


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """SQLite alone, which is opened fast; test_queue_at_once.py has both kinds."""
    return f"sqlite:///{tmp_path}/state/antiphon.db"


@pytest.fixture
def samples(database: Engine) -> list[int]:
    """Three flagged samples."""
    return flag_requests(database, "a", "b", "c")


@pytest.fixture
def people(database: Engine) -> None:
    """Ann, Bo and Cy are reviewers, Eva is an expert."""
    register_people(database)
