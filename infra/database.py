"""antiphon's database: SQLite by default, PostgreSQL by setting."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DatabaseError, InterfaceError, OperationalError
from sqlalchemy.orm import Session

from infra.errors import SettingsError, UnreachableError
from infra.tables import Table

CONNECT_TIMEOUT_S = 5
BUSY_TIMEOUT_S = 30  # how long a writer waits for another one on SQLite
_TABLES_LOCK = 0x616E7469  # any number, the same in every process
_READS = "antiphon_reads"


def open_database(url: str) -> Engine:
    """Connect and create missing tables.

    Raises SettingsError for an invalid URL, UnreachableError if the database does not answer.
    """
    engine = _sqlite(url) if url.startswith("sqlite:") else _postgresql(url)
    try:
        with _reaching(engine):
            _create_tables(engine)
    except UnreachableError:
        engine.dispose()
        raise
    return engine


@contextmanager
def session(engine: Engine) -> Iterator[Session]:
    """One read-write transaction: committed at the end, rolled back by an exception."""
    with (
        _reaching(engine),
        Session(engine, expire_on_commit=False) as transaction,
        transaction.begin(),
    ):
        yield transaction


@contextmanager
def reading(engine: Engine) -> Iterator[Session]:
    """One read-only transaction: on SQLite it never waits for a writer."""
    reader = engine.execution_options(**{_READS: True})
    with (
        _reaching(engine),
        Session(reader, expire_on_commit=False) as transaction,
        transaction.begin(),
    ):
        yield transaction


@contextmanager
def _reaching(engine: Engine) -> Iterator[None]:
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        raise _unreachable(engine, error) from error
    except DatabaseError as error:
        if type(error) is not DatabaseError:  # constraint and programming errors are answers
            raise
        raise _unreachable(engine, error) from error  # SQLite: "file is not a database"


def _unreachable(engine: Engine, error: DatabaseError | InterfaceError) -> UnreachableError:
    place = engine.url.render_as_string(hide_password=True)
    reason = str(error.orig).strip().splitlines()[0]
    return UnreachableError(f"the database {place} cannot be reached ({reason})")


def _postgresql(url: str) -> Engine:
    try:
        return create_engine(
            url, pool_pre_ping=True, connect_args={"connect_timeout": CONNECT_TIMEOUT_S}
        )
    except ArgumentError as error:
        raise SettingsError("postgresql+psycopg://USER:PASSWORD@HOST/NAME expected") from error


def _sqlite(url: str) -> Engine:
    name = make_url(url).database
    if not name:
        raise SettingsError(f"database URL: sqlite:///FILE expected, found {url!r}")
    try:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UnreachableError(f"the database {url} cannot be reached ({error})") from error
    engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_S})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # SQLAlchemy begins transactions, not the driver
    connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_S * 1000}")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute(
        "PRAGMA synchronous = NORMAL"
    )  # safe with WAL, and saves a sync for each commit
    _use_wal(connection)


def _use_wal(connection: Any) -> None:
    import sqlite3

    deadline = time.monotonic() + BUSY_TIMEOUT_S
    while True:  # this statement ignores busy_timeout while the file is new
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def _begin_sqlite(connection: Connection) -> None:
    # SQLite refuses a reader that starts to write, so a writer begins as one
    reads = connection.get_execution_options().get(_READS, False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def _create_tables(engine: Engine) -> None:
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":  # two processes that create one table collide
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_TABLES_LOCK})"))
        Table.metadata.create_all(connection)
