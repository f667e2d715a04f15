"""The database opens, or says in one sentence why not."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, inspect, select, text
from sqlalchemy.exc import IntegrityError

from infra.database import open_database, reading, session
from infra.errors import SettingsError, UnreachableError
from infra.tables import CycleRequestRow, Table


def _request(reason: str = "because", cycle_id: str | None = None) -> CycleRequestRow:
    return CycleRequestRow(
        requested_at=datetime.now(UTC), trigger="manual", reason=reason, cycle_id=cycle_id
    )


def test_the_tables_are_there_after_opening(database: Engine) -> None:
    assert set(inspect(database).get_table_names()) == set(Table.metadata.tables)


def test_opening_again_keeps_what_is_there(database: Engine, database_url: str) -> None:
    with session(database) as transaction:
        transaction.add(_request())
    again = open_database(database_url)
    with reading(again) as transaction:
        assert len(transaction.scalars(select(CycleRequestRow)).all()) == 1
    again.dispose()


def test_an_exception_leaves_nothing_behind(database: Engine) -> None:
    with pytest.raises(LookupError), session(database) as transaction:
        transaction.add(_request())
        transaction.flush()
        raise LookupError
    with reading(database) as transaction:
        assert transaction.scalars(select(CycleRequestRow)).all() == []


def test_references_are_enforced(database: Engine) -> None:
    with pytest.raises(IntegrityError), session(database) as transaction:
        transaction.add(_request(cycle_id="there is no such cycle"))


def test_moments_come_back_with_their_zone(database: Engine) -> None:
    with session(database) as transaction:
        transaction.add(_request())
    with reading(database) as transaction:
        assert transaction.scalars(select(CycleRequestRow)).one().requested_at.tzinfo is UTC


def test_sqlite_readers_do_not_wait_for_a_writer(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path}/antiphon.db")
    with session(engine) as writer:
        writer.add(_request())
        writer.flush()
        with reading(engine) as reader:
            assert reader.scalar(text("PRAGMA journal_mode")) == "wal"
            assert reader.scalars(select(CycleRequestRow)).all() == []
    engine.dispose()


def test_many_may_open_a_new_database_at_once(database_url: str) -> None:
    engines: list[Engine] = []

    def opening() -> None:
        engines.append(open_database(database_url))

    threads = [threading.Thread(target=opening) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(engines) == 8
    for engine in engines:
        engine.dispose()


def test_a_dead_port_is_an_outage_told_without_the_password() -> None:
    with pytest.raises(UnreachableError) as caught:
        open_database("postgresql+psycopg://me:hunter2@127.0.0.1:9/antiphon")
    assert "127.0.0.1:9/antiphon cannot be reached" in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_database_is_an_outage(tmp_path: Path) -> None:
    (tmp_path / "antiphon.db").write_bytes(b"not a database" * 100)
    with pytest.raises(UnreachableError, match="file is not a database"):
        open_database(f"sqlite:///{tmp_path}/antiphon.db")


def test_a_folder_that_cannot_be_made_is_an_outage(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UnreachableError, match="cannot be reached"):
        open_database(f"sqlite:///{tmp_path}/file/antiphon.db")


@pytest.mark.parametrize("url", ["sqlite://", "postgresql+psycopg", "postgres-ish://x y"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match="expected"):
        open_database(url)


def test_a_server_that_hangs_up_is_an_outage(postgresql: str) -> None:
    engine, other = open_database(postgresql), open_database(postgresql)
    with pytest.raises(UnreachableError), session(engine) as transaction:
        backend = transaction.scalar(text("SELECT pg_backend_pid()"))
        with other.begin() as killer:
            killer.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": backend})
        transaction.execute(text("SELECT 1"))
    engine.dispose()
    other.dispose()
