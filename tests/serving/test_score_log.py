"""The score log keeps rows through what databases do."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import Engine, text

from infra.database import connect as connect_anew
from infra.database import open_database, reading
from infra.errors import UnreachableError
from infra.tables import ShadowScore
from serving.metrics import Metrics
from serving.score_log import Row, ScoreLog


def a_row(**changes: object) -> Row:
    return {
        "request_id": str(uuid4()),
        "scored_at": datetime.now(UTC),
        "model_version": 3,
        "cm_score": 1.25,
        "spoof_probability": 0.2,
        "verdict": "bonafide",
        "threshold": 0.0,
        "duration_s": 2.0,
        "windows": 1,
        "features": {"snr_db": 20.0},
        "embedding_sketch": [0.0] * 16,
        "audio_sha256": "0" * 64,
        "audio_key": None,
        "source": None,
        "speaker_id": None,
        **changes,
    }


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "log.db"


@pytest.fixture
def connect(file: Path) -> Callable[[], Engine]:
    return lambda: open_database(f"sqlite:///{file}")


@pytest.fixture
def score_log(connect: Callable[[], Engine], counted: Metrics) -> Iterator[ScoreLog]:
    score_log = ScoreLog(connect, counted)
    yield score_log
    score_log.close()


def test_a_row_is_found_right_after_it_was_put(score_log: ScoreLog) -> None:
    row = a_row(source="web")
    score_log.put(row)
    stored = score_log.find(row["request_id"])
    assert stored is not None
    assert {name: getattr(stored, name) for name in row} == dict(row)


def test_an_unknown_request_is_not_found(score_log: ScoreLog) -> None:
    assert score_log.find("never") is None


def test_rows_wait_while_the_database_is_locked(score_log: ScoreLog, file: Path) -> None:
    assert score_log.put(a_row()).result(5.0)
    with sqlite3.connect(file, isolation_level=None) as other:
        other.execute("BEGIN EXCLUSIVE")
        waiting = [score_log.put(a_row()) for _ in range(50)]
        with pytest.raises(UnreachableError, match="cannot be written yet"):
            score_log.find(score_log._queue[-1].row["request_id"], patience_s=0.1)
        assert not any(future.done() for future in waiting)
        other.execute("ROLLBACK")
    other.close()
    assert all(future.result(30.0) for future in waiting)


def test_one_unusable_row_does_not_take_the_others_with_it(
    score_log: ScoreLog, counted: Metrics
) -> None:
    dropped = counted.rows_dropped._value.get()
    futures = [score_log.put(row) for row in (a_row(), a_row(verdict=None), a_row(), a_row())]
    assert [future.result(10.0) for future in futures] == [True, False, True, True]
    assert counted.rows_dropped._value.get() == dropped + 1


def test_a_database_that_is_away_drops_rows_only_when_the_queue_is_full_and_counts_them(
    counted: Metrics, caplog: pytest.LogCaptureFixture
) -> None:
    def away() -> Engine:
        raise UnreachableError("database: no answer")

    dropped = counted.rows_dropped._value.get()
    score_log = ScoreLog(away, counted, capacity=3)
    futures = [score_log.put(a_row()) for _ in range(5)]
    assert [future.done() for future in futures] == [False, False, False, True, True]
    score_log.close(patience_s=0.1)
    assert [future.result(0) for future in futures] == [False] * 5
    assert counted.rows_dropped._value.get() == dropped + 5
    assert "is not in the score log" in caplog.text


def a_shadow_row(request_id: str) -> Row:
    names = ("scored_at", "model_version", "cm_score", "verdict", "threshold")
    return {"request_id": request_id, **{name: a_row()[name] for name in names}}


def test_rows_wait_while_the_database_is_one_of_a_newer_antiphon(
    score_log: ScoreLog, connect: Callable[[], Engine], file: Path
) -> None:
    def claim(revision: str) -> None:
        with sqlite3.connect(file) as other:
            other.execute("UPDATE alembic_version SET version_num = ?", [revision])
        other.close()

    engine = connect()
    with reading(engine) as transaction:
        known = str(transaction.scalar(text("SELECT version_num FROM alembic_version")))
    claim("9999")
    newer = ScoreLog(lambda: connect_anew(f"sqlite:///{file}"), score_log._metrics)
    waiting = newer.put(a_row())
    with pytest.raises(UnreachableError, match="newer antiphon"):
        newer.engine()
    assert newer.writing and not waiting.done()
    claim(known)
    assert waiting.result(30.0)
    newer.close()


def test_what_the_challenger_said_stands_behind_the_row_of_the_answer(
    score_log: ScoreLog, counted: Metrics
) -> None:
    dropped = counted.rows_dropped._value.get()
    row = a_row()
    written = [score_log.put(row), score_log.put_shadow(a_shadow_row(row["request_id"]))]
    assert all(future.result(10.0) for future in written)
    with reading(score_log.engine()) as transaction:
        assert transaction.get(ShadowScore, (row["request_id"], 3)) is not None
    assert score_log.put_shadow(a_shadow_row("of no answer")).result(10.0) is False
    assert counted.rows_dropped._value.get() == dropped, "no answer was lost"


def test_where_rows_pile_up_half_of_the_room_is_for_answers(counted: Metrics) -> None:
    def away() -> Engine:
        raise UnreachableError("database: no answer")

    score_log = ScoreLog(away, counted, capacity=4)
    shadows = [score_log.put_shadow(a_shadow_row(str(n))) for n in range(3)]
    answers = [score_log.put(a_row()) for _ in range(3)]
    assert [future.done() for future in (*shadows, *answers)] == [False] * 2 + [True] + [
        False
    ] * 2 + [True]
    score_log.close(patience_s=0.1)


def test_closing_writes_what_waits(connect: Callable[[], Engine], counted: Metrics) -> None:
    score_log = ScoreLog(connect, counted)
    futures = [score_log.put(a_row()) for _ in range(200)]
    score_log.close()
    assert all(future.result(0) for future in futures)


def test_a_row_put_after_closing_is_refused_and_counted(
    connect: Callable[[], Engine], counted: Metrics
) -> None:
    score_log = ScoreLog(connect, counted)
    score_log.close()
    assert score_log.put(a_row()).result(0) is False
