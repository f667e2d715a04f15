"""The database opens, or says in one sentence why not."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, inspect, make_url, select, text
from sqlalchemy.exc import IntegrityError

from infra import audit, comparisons, field_samples, ledger, shadows
from infra import database as database_module
from infra.database import connect, open_database, reading, session
from infra.errors import SettingsError, UnreachableError
from infra.tables import CycleRequestRow, Table
from monitoring.score_window import read_window


def _request(reason: str = "because", cycle_id: str | None = None) -> CycleRequestRow:
    return CycleRequestRow(
        requested_at=datetime.now(UTC), trigger="manual", reason=reason, cycle_id=cycle_id
    )


def test_the_tables_are_there_after_opening(database: Engine) -> None:
    assert set(Table.metadata.tables) <= set(inspect(database).get_table_names())


def test_opening_again_keeps_what_is_there(database: Engine, database_url: str) -> None:
    with session(database) as transaction:
        transaction.add(_request())
    again = connect(database_url)
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
        engines.append(connect(database_url))

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


def test_a_process_has_one_engine_for_a_database(database_url: str) -> None:
    engines: list[Engine] = []
    threads = [
        threading.Thread(target=lambda: engines.append(open_database(database_url)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(engines) == 8
    assert len({id(engine) for engine in engines}) == 1
    engines[0].dispose()


def test_a_file_that_was_deleted_is_made_anew(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/antiphon.db"
    ledger.request_cycle(open_database(url), "manual", "because")
    open_database(url).dispose()
    (tmp_path / "antiphon.db").unlink()
    assert ledger.waiting_requests(open_database(url)) == []


READS: list[Callable[[Engine], object]] = [
    field_samples.list_samples,
    field_samples.new_labels,
    ledger.running_cycle,
    ledger.recent_cycles,
    ledger.waiting_requests,
    ledger.recent_drift_checks,
    comparisons.histories,
    shadows.last_decision,
    audit.rows,
    lambda engine: comparisons.spent(engine, {"v": comparisons.no_trials()}),
    lambda engine: ledger.requests_of(engine, []),
    lambda engine: shadows.looks(engine, "s"),
    lambda engine: read_window(engine, 1, 10),
]


def test_reading_and_opening_wait_for_no_writer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path}/antiphon.db"
    connect(url).dispose()
    monkeypatch.setattr(database_module, "BUSY_TIMEOUT_S", 0.0)  # who waits, fails
    writer = sqlite3.connect(tmp_path / "antiphon.db", isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    engine = connect(url)
    for read in READS:
        read(engine)
    with pytest.raises(UnreachableError, match="database is locked"):
        ledger.request_cycle(engine, "manual", "because")
    writer.close()
    engine.dispose()


def test_a_writer_tries_again_until_the_other_is_done(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/antiphon.db"
    engines = [connect(url) for _ in range(6)]  # as many processes would have

    def writing(engine: Engine) -> None:
        for _ in range(20):
            ledger.request_cycle(engine, "manual", "because")

    threads = [threading.Thread(target=writing, args=[engine]) for engine in engines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (request,) = ledger.waiting_requests(engines[0])
    assert request.times == 120, "each is counted, where one waits by the same cause"
    for engine in engines:
        engine.dispose()


@pytest.mark.parametrize("read", READS)
def test_a_database_that_breaks_is_an_outage_for_every_reader(
    read: Callable[[Engine], object], tmp_path: Path
) -> None:
    file = tmp_path / "antiphon.db"
    engine = connect(f"sqlite:///{file}")
    engine.dispose()
    file.write_bytes(b"not a database" * 100)
    with pytest.raises(UnreachableError, match="file is not a database"):
        read(engine)
    engine.dispose()


def test_a_user_who_may_not_read_is_told_so(postgresql: str) -> None:
    engine = connect(postgresql)
    with engine.begin() as connection:
        connection.execute(text("CREATE ROLE stranger LOGIN"))
    stranger = make_url(postgresql).set(username="stranger").render_as_string(hide_password=False)
    with pytest.raises(UnreachableError, match="permission denied"):
        connect(stranger)
    engine.dispose()


FORKING = """
import os
from infra import ledger
from infra.database import open_database
url = {url!r}
ledger.request_cycle(open_database(url), "manual", "parent")
engine = open_database(url)
child = os.fork()
ledger.request_cycle(engine, "manual", "both")
if child == 0:
    ledger.request_cycle(open_database(url), "manual", "child")
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
print(*sorted(f"{{row.reason}}-{{row.times}}" for row in ledger.waiting_requests(engine)))
"""


def test_a_forked_process_has_connections_of_its_own(database_url: str) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", FORKING.format(url=database_url)],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["both-2", "child-1", "parent-1"]
    assert done.stderr == ""
