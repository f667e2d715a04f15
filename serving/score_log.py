"""The score log: one row for each answered request, and one for the challenger's score of it.

Rows wait in memory for one writer thread, so that a slow database does not slow answers down. The
thread writes all waiting rows in one transaction and retries while the database is locked, full or
unreachable. Rows that cannot be written are counted and named in the log.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine, insert
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError, StatementError

from infra.database import reading, session
from infra.errors import SettingsError, UnreachableError, reason_of
from infra.tables import ScoredRequest, ShadowScore
from serving.metrics import Metrics

log = logging.getLogger(__name__)

CAPACITY = 10_000  # rows in memory: minutes of traffic, tens of megabytes
FIRST_WAIT_S, LONGEST_WAIT_S = 0.05, 5.0
Row = Mapping[str, Any]  # columns of its table
TABLES = (
    ScoredRequest,
    ShadowScore,
)  # in the order of writing: the second references rows of the first


@dataclass(frozen=True)
class _Waiting:
    row: Row
    table: type[ScoredRequest | ShadowScore] = ScoredRequest
    written: Future[bool] = field(default_factory=Future)

    @property
    def key(self) -> Any:
        """The primary key."""
        request_id = self.row["request_id"]
        if self.table is ScoredRequest:
            return request_id
        return request_id, self.row["model_version"]


class ScoreLog:
    """The bounded queue of rows, and its writer thread."""

    def __init__(
        self, connect: Callable[[], Engine], metrics: Metrics, capacity: int = CAPACITY
    ) -> None:
        self._connect, self._metrics, self._capacity = connect, metrics, capacity
        self._engine: Engine | None = None
        self._connecting = threading.Lock()
        self._queue: deque[_Waiting] = deque()
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._deadline_passed = threading.Event()
        self._thread = threading.Thread(target=self._write_forever, name="score-log", daemon=True)
        self._thread.start()

    @property
    def writing(self) -> bool:
        """Whether the writer thread is running."""
        return self._thread.is_alive()

    def put(self, row: Row) -> Future[bool]:
        """Queue the row of an answer; the future gives whether it was written."""
        return self._put(_Waiting(row), self._capacity)

    def put_shadow(self, row: Row) -> Future[bool]:
        """Queue the row of a challenger's score; half of the capacity is reserved for answers."""
        return self._put(_Waiting(row, ShadowScore), self._capacity // 2)

    def _put(self, waiting: _Waiting, capacity: int) -> Future[bool]:
        with self._changed:
            full = len(self._queue) >= capacity or self._closing.is_set()
            if not full:
                self._queue.append(waiting)
                self._metrics.rows_waiting.inc()
                self._changed.notify()
        if full:
            self._drop(waiting, "the queue is full")
        return waiting.written

    def find(self, request_id: str, patience_s: float = 5.0) -> ScoredRequest | None:
        """The row of an answered request; waits for the writer if the row is still queued.

        Raises UnreachableError if the database cannot be written or read.
        """
        with self._changed:
            waiting = [item for item in self._queue if item.key == request_id]
        try:
            for item in waiting:
                item.written.result(patience_s)
            with reading(self.engine()) as transaction:
                row = transaction.get(ScoredRequest, request_id)
        except TimeoutError as error:
            raise UnreachableError(f"the row of {request_id} cannot be written yet") from error
        return row

    def engine(self) -> Engine:
        """The database, transaction at first use. Raises UnreachableError."""
        with self._connecting:
            if self._engine is None:
                try:
                    self._engine = self._connect()
                except SettingsError as error:  # e.g. of a newer antiphon: rows wait for a repair
                    raise UnreachableError(str(error)) from error
            return self._engine

    def close(self, patience_s: float = 5.0) -> None:
        """Write the waiting rows; rows not written in time are dropped and logged."""
        with self._changed:
            self._closing.set()
            self._changed.notify()
        clock = threading.Timer(patience_s, self._deadline_passed.set)
        clock.start()
        self._thread.join(patience_s + 1.0)  # a locked SQLite takes longer than the patience
        clock.cancel()
        with self._changed:
            for item in self._queue:
                self._drop(item, "the endpoint ends and the database is still busy")
        if self._engine is not None:
            self._engine.dispose()

    def _write_forever(self) -> None:
        while batch := self._next_batch():
            self._write(batch)
            with self._changed:
                for _ in batch:
                    self._queue.popleft()
                self._metrics.rows_waiting.dec(len(batch))

    def _next_batch(self) -> list[_Waiting]:
        """All waiting rows, which stay in the queue; empty at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._closing.is_set())
            return list(self._queue)

    def _write(self, batch: list[_Waiting]) -> None:
        wait, is_logged = FIRST_WAIT_S, False
        while not self._deadline_passed.is_set():
            try:
                self._insert(batch)
            except (SQLAlchemyError, UnreachableError) as error:
                if _is_about_a_row(error):
                    return self._write_apart(batch, error)
                if not is_logged:
                    log.warning("the score log cannot be written, rows wait: %s", _short(error))
                is_logged = True
                self._deadline_passed.wait(wait)
                wait = min(2 * wait, LONGEST_WAIT_S)
            else:
                return _all_written(batch)
        for item in batch:
            self._drop(item, "the endpoint ends and the database takes no rows")
        return None

    def _insert(self, batch: list[_Waiting]) -> None:
        with session(self.engine()) as transaction:
            for table in TABLES:
                rows = [item.row for item in batch if item.table is table]
                if rows:
                    transaction.execute(insert(table), rows)

    def _write_apart(self, batch: list[_Waiting], error: Exception) -> None:
        """Write the rows one by one, because one of them is unusable."""
        if len(batch) > 1:
            for item in batch:
                self._write([item])
        elif isinstance(error, IntegrityError) and self._is_written(batch[0]):
            _all_written(batch)  # an earlier attempt was committed after all
        else:
            self._drop(batch[0], _short(error))

    def _is_written(self, item: _Waiting) -> bool:
        try:
            with reading(self.engine()) as transaction:
                return transaction.get(item.table, item.key) is not None
        except UnreachableError:
            return False

    def _drop(self, item: _Waiting, reason: str) -> None:
        if item.table is ScoredRequest:
            self._metrics.rows_dropped.inc()
            log.error("request %s is not in the score log: %s", item.row["request_id"], reason)
        else:
            self._metrics.challenger.dropped.labels("its row was not written").inc()
            log.warning("request %s: no row of the challenger: %s", item.row["request_id"], reason)
        if not item.written.done():
            item.written.set_result(False)


def _is_about_a_row(error: Exception) -> bool:
    """Whether the error comes from a row, so that another attempt would fail too."""
    not_even_sent = isinstance(error, StatementError) and not isinstance(error, DBAPIError)
    return not_even_sent or isinstance(error, (IntegrityError, DataError))


def _all_written(batch: list[_Waiting]) -> None:
    for item in batch:
        if not item.written.done():
            item.written.set_result(True)


def _short(error: Exception) -> str:
    """The first line of an error; SQLAlchemy appends the statement with all values."""
    cause = getattr(error, "orig", None) or error
    return reason_of(cause)
