"""The schema is made and upgraded by revisions, and an upgrade loses nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import IntegrityError

import infra.access.tables  # noqa: F401  its tables belong to the same metadata
from infra.database import connect, reading, session
from infra.errors import SettingsError
from infra.field_samples import list_samples
from infra.ledger import recent_cycles, waiting_requests
from infra.review.history import history
from infra.tables import Table

SCHEMAS = Path(__file__).with_name("schemas")  # as they were made before there were revisions
MOMENT = "2026-11-01 10:00:00.000000"
ROWS = {
    "scored_requests": {
        "request_id": "r1", "scored_at": MOMENT, "model_version": 1, "cm_score": 0.5,
        "spoof_probability": 0.4, "verdict": "bonafide", "threshold": 0.0, "duration_s": 2.0,
        "windows": 1, "features": '{"level_dbfs": -20.0}', "embedding_sketch": "[0.5]",
        "audio_sha256": "a" * 64, "audio_key": "recordings/r1", "source": "hotline",
    },
    "shadow_scores": {
        "request_id": "r1", "model_version": 2, "scored_at": MOMENT, "cm_score": -0.5,
        "verdict": "spoof", "threshold": 0.0,
    },
    "shadow_looks": {
        "id": 1, "shadow_id": "s1", "number": 1, "looked_at": MOMENT, "model_version": 2,
        "champion": 1, "recordings": "[]", "gains": "[]", "e_value": 1.0, "decision": "go on",
        "reason": "too few",
    },
    "field_samples": {
        "id": 1, "request_id": "r1", "state": "rejected", "flagged_at": MOMENT,
        "claimed_label": "spoof", "reviewed_at": MOMENT, "reviewer": "Ann", "label": "unusable",
        "audio_key": "flagged/r1.wav",
    },
    "cycles": {
        "id": "c1", "started_at": MOMENT, "heartbeat_at": MOMENT, "ended_at": MOMENT,
        "fencing_token": 1, "outcome": "rejected", "summary": '{"reason": "no better"}',
    },
    "cycle_requests": {
        "id": 1, "requested_at": MOMENT, "trigger": "manual", "reason": "by hand",
        "cycle_id": "c1",
    },
    "comparisons": {
        "id": 1, "run_id": "run", "set_name": "frozen", "version": "v", "bonafide": 10,
        "spoof": 10, "clusters": 5, "level": 0.03, "decision": "reject", "compared_at": MOMENT,
    },
    "drift_checks": {
        "id": 1, "checked_at": MOMENT, "model_version": 1, "status": "ok", "report": "{}",
        "cycle_request_id": 1,
    },
    "audit_log": {
        "seq": 1, "at": MOMENT, "event": "verdict", "actor": "cycle c1", "document": "{}",
        "key_id": "k", "previous": "0" * 64, "hash": "h", "signature": "s",
    },
}  # fmt: skip


@pytest.fixture
def old_url(database_url: str, tmp_path: Path) -> str:
    """A database with a row in every table, made by an antiphon that had no revisions."""
    (tmp_path / "state").mkdir()
    engine = create_engine(database_url)
    statements = (SCHEMAS / f"{engine.dialect.name}.sql").read_text().split(";\n")
    with engine.begin() as connection:
        for statement in filter(str.strip, statements):
            connection.exec_driver_sql(statement)
        for table, row in ROWS.items():
            columns, places = ", ".join(row), ", ".join(f":{name}" for name in row)
            connection.execute(text(f"INSERT INTO {table} ({columns}) VALUES ({places})"), row)
    engine.dispose()
    return database_url


@pytest.fixture
def upgraded(old_url: str) -> Iterator[Engine]:
    """That database, opened by today's antiphon."""
    engine = connect(old_url)
    yield engine
    engine.dispose()


def _rows(url: str) -> dict[str, list[dict[str, Any]]]:
    engine = create_engine(url)
    with engine.connect() as connection:
        rows = {
            table: [
                dict(row._mapping) for row in connection.execute(text(f"SELECT * FROM {table}"))
            ]
            for table in ROWS
        }
    engine.dispose()
    return rows


def test_an_old_database_is_upgraded_and_loses_nothing(old_url: str) -> None:
    before = _rows(old_url)
    connect(old_url).dispose()
    after = _rows(old_url)
    for table, (row,) in before.items():
        (upgraded_row,) = after[table]
        assert row.items() <= upgraded_row.items(), table


def test_an_upgraded_database_can_be_read_and_written(upgraded: Engine) -> None:
    ((sample,), (revision,)) = list_samples(upgraded), history(upgraded, 1)
    assert (sample.reviewer, sample.use, sample.audio_sent) == ("Ann", "train", True)
    assert (revision.reviewer, revision.label, revision.expert) == ("Ann", "unusable", True)
    assert [cycle.outcome for cycle in recent_cycles(upgraded)] == ["rejected"]
    assert waiting_requests(upgraded) == []
    with pytest.raises(IntegrityError, match="only ever added"), session(upgraded) as transaction:
        transaction.execute(text("UPDATE audit_log SET actor = 'nobody'"))


def test_an_old_database_without_its_newest_tables_gets_them(old_url: str) -> None:
    engine = create_engine(old_url)
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE audit_log"))
    engine.dispose()
    opened = connect(old_url)
    assert _differences(opened) == []
    opened.dispose()


def test_the_revisions_make_the_tables_that_the_code_declares(database: Engine) -> None:
    """A change of infra/tables needs a revision: CONTRIBUTING.md says how to add one."""
    assert _differences(database) == []


def test_an_upgraded_database_has_the_tables_of_a_new_one(upgraded: Engine) -> None:
    assert _differences(upgraded) == []


def _differences(engine: Engine) -> list[Any]:
    with reading(engine) as transaction:
        context = MigrationContext.configure(transaction.connection())
        differences: list[Any] = compare_metadata(context, Table.metadata)
    return differences


def test_a_database_of_a_newer_antiphon_is_refused_and_left_alone(
    database: Engine, database_url: str
) -> None:
    with session(database) as transaction:
        transaction.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(SettingsError, match=r"upgraded by a newer antiphon .*9999.*: upgrade"):
        connect(database_url)
    with reading(database) as transaction:
        assert transaction.scalar(text("SELECT version_num FROM alembic_version")) == "9999"
