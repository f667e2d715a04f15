"""antiphon's database: SQLite by default, PostgreSQL by setting.

A process has one engine for each URL. The tables are made and upgraded by the revisions of
infra/migrations, when the database is opened. A transaction that only reads takes no lock of SQLite
that a writer would wait for.
"""

from __future__ import annotations

import os
import random
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, IntegrityError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session

from infra.errors import SettingsError, UnreachableError, reason_of
from infra.schema import upgrade

CONNECT_TIMEOUT_S = 5
BUSY_TIMEOUT_S = 30.0  # how long a writer waits for another one on SQLite
_PAUSES_S = (0.002, 0.05)  # a writer tries again after a random time between these
_SILENCE_MS = 20_000  # PostgreSQL: sent and not acknowledged for so long is an outage
_WRITES = "antiphon_writes"
# the server refuses the work, not the statement: no permission, no such table
_REFUSALS = ("42501", "42P01")

_engines: dict[tuple[str, object], Engine] = {}
_opening = threading.Lock()
_inherited: list[object] = []  # SQLite forbids a child to close what its parent opened


def open_database(url: str) -> Engine:
    """The engine of a URL in this process; at first use tables are made or upgraded.

    Raises SettingsError for an invalid URL or a database of a newer antiphon, UnreachableError if
    the database does not answer.
    """
    with _opening:
        engine = _engines.get((url, _file(url)))
        if engine is None:
            engine = connect(url)
            _engines[url, _file(url)] = engine
        return engine


def connect(url: str) -> Engine:
    """A new engine, with the tables upgraded; raises what `open_database` raises."""
    engine = _sqlite(url) if url.startswith("sqlite:") else _postgresql(url)
    try:
        with _reaching(engine):
            upgrade(engine, engine.execution_options(**{_WRITES: True}))
    except BaseException:
        engine.dispose()
        raise
    return engine


@contextmanager
def session(engine: Engine) -> Iterator[Session]:
    """One read-write transaction: committed at the end, rolled back by an exception."""
    with _transaction(engine, **{_WRITES: True}) as transaction:
        yield transaction


@contextmanager
def reading(engine: Engine) -> Iterator[Session]:
    """One read-only transaction: on SQLite it never waits for a writer."""
    with _transaction(engine, postgresql_readonly=True) as transaction:
        yield transaction


@contextmanager
def _transaction(engine: Engine, **options: Any) -> Iterator[Session]:
    bound = engine.execution_options(**options)
    with (
        _reaching(engine),
        Session(bound, expire_on_commit=False) as transaction,
        transaction.begin(),
    ):
        yield transaction


@contextmanager
def _reaching(engine: Engine) -> Iterator[None]:
    try:
        yield
    except (IntegrityError, DataError):  # answers
        raise
    except ProgrammingError as error:
        if getattr(error.orig, "sqlstate", None) not in _REFUSALS:
            raise
        raise _unreachable(engine, error) from error
    except (DBAPIError, PoolTimeoutError, sqlite3.Error) as error:
        raise _unreachable(engine, error) from error


def _unreachable(engine: Engine, error: Exception) -> UnreachableError:
    place = engine.url.render_as_string(hide_password=True)
    cause = getattr(error, "orig", None) or error
    reason = reason_of(cause)
    return UnreachableError(f"the database {place} cannot be reached ({reason})")


def _postgresql(url: str) -> Engine:
    arguments = {"connect_timeout": CONNECT_TIMEOUT_S, "tcp_user_timeout": _SILENCE_MS}
    try:
        return create_engine(url, pool_pre_ping=True, connect_args=arguments)
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
    engine = create_engine(url)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None  # SQLAlchemy begins transactions, not the driver
    connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_S * 1000:.0f}")
    connection.execute("PRAGMA foreign_keys = ON")
    # safe with WAL, and saves a sync for each commit
    connection.execute("PRAGMA synchronous = NORMAL")
    # this statement ignores busy_timeout while the file is new
    _execute_patiently(connection, "PRAGMA journal_mode = WAL")


def _begin_sqlite(connection: Connection) -> None:
    if not connection.get_execution_options().get(_WRITES, False):
        connection.exec_driver_sql("BEGIN")
        return
    # SQLite refuses a reader that starts to write, so a writer begins as one. Its own waiting has
    # fixed steps, in which many writers meet again and again; ours are random.
    driver: Any = connection.connection.dbapi_connection
    driver.execute("PRAGMA busy_timeout = 0")
    try:
        _execute_patiently(driver, "BEGIN IMMEDIATE")
    finally:
        driver.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_S * 1000:.0f}")


def _execute_patiently(connection: sqlite3.Connection, statement: str) -> None:
    deadline = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            connection.execute(statement)
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(random.uniform(*_PAUSES_S))


def _file(url: str) -> object:
    """What tells a SQLite file from another one at the same path later; None for a server."""
    name = make_url(url).database if url.startswith("sqlite:") else None
    try:
        status = Path(name).stat() if name else None
    except OSError:
        return None
    return status and (status.st_dev, status.st_ino)


def _forget_connections_of_the_parent() -> None:
    global _opening
    _opening = threading.Lock()
    for engine in _engines.values():
        _inherited.append(engine.pool)
        engine.dispose(close=False)


os.register_at_fork(after_in_child=_forget_connections_of_the_parent)
