"""An empty ledger and an empty store, for what becomes of flagged calls."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from infra.database import open_database
from infra.storage import FolderStore


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Engine]:
    """An empty ledger."""
    engine = open_database(f"sqlite:///{tmp_path}/antiphon.db")
    yield engine
    engine.dispose()


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    """An empty store."""
    return FolderStore(tmp_path / "objects")
