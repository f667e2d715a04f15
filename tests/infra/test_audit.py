"""The audit log: whatever is altered, removed, moved or cut off is detected and named."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DatabaseError, IntegrityError

from infra import audit
from infra.database import open_database, session
from infra.errors import ConflictError, UnreachableError
from infra.settings import settings
from infra.signing import trusted_keys
from infra.storage import FolderStore, open_store
from infra.tables import AuditRow

COLUMNS = [column.name for column in AuditRow.__table__.columns]
ROWS = 4


@pytest.fixture(autouse=True)
def _state(state: Path) -> None:
    """Keys and objects of its own."""


@pytest.fixture
def log(database: Engine) -> Engine:
    """A log of four rows, open to whoever has removed the triggers."""
    for number in range(ROWS):
        audit.append(database, "verdict", "root@here", {"verdict": "promote", "run": number})
    return database


def problems(engine: Engine) -> tuple[str, ...]:
    return audit.verify(engine, open_store(settings()), trusted_keys(settings())).problems


def force(engine: Engine, *statements: str) -> None:
    """Change rows as somebody would who owns the table."""
    drop = {
        "sqlite": ["DROP TRIGGER audit_log_no_update", "DROP TRIGGER audit_log_no_delete"],
        "postgresql": ["DROP TRIGGER audit_log_no_change ON audit_log"],
    }[engine.dialect.name]
    with engine.begin() as connection:
        for statement in (*drop, *statements):
            connection.execute(text(statement))


def test_a_whole_log_has_no_problems(log: Engine) -> None:
    rows = audit.rows(log)
    assert [row.seq for row in rows] == [1, 2, 3, 4]
    assert rows[0].previous == audit.NOTHING_BEFORE
    assert json.loads(rows[3].document) == {"run": 3, "verdict": "promote"}
    assert audit.verify(log, open_store(settings()), trusted_keys(settings())) == audit.Chain(4, ())


def test_an_empty_log_has_no_problems(database: Engine) -> None:
    assert problems(database) == ()


@pytest.mark.parametrize("column", COLUMNS)
def test_one_altered_character_of_any_column_of_any_row_is_found(log: Engine, column: str) -> None:
    before = {row.seq: str(getattr(row, column)) for row in audit.rows(log)}
    force(log)
    for seq, value in before.items():
        for altered in alterations(value, number=column == "seq"):
            change(log, column, seq, altered)
            now = int(altered) if column == "seq" else seq
            messages = problems(log)
            assert messages, f"{column} of row {seq}: {altered}"
            assert any(f"row {n}" in problem for problem in messages for n in (seq, now)), messages
            change(log, column, now, value)
    assert problems(log) == ()


def alterations(value: str, *, number: bool) -> list[str]:
    if number:
        return [str(int(value) + 10)]
    middle = len(value) // 2
    other = "0" if value[middle] != "0" else "1"
    return [value[:middle] + other + value[middle + 1 :], f"{value[:-1]} "]


def change(engine: Engine, column: str, seq: int, value: str) -> None:
    stored = int(value) if column == "seq" else value
    with engine.begin() as connection:
        connection.execute(
            text(f"UPDATE audit_log SET {column} = :value WHERE seq = :seq"),
            {"value": stored, "seq": seq},
        )


@pytest.mark.parametrize("seq", range(1, ROWS + 1))
def test_a_removed_row_is_found_and_named(log: Engine, seq: int) -> None:
    force(log, f"DELETE FROM audit_log WHERE seq = {seq}")
    assert any(f"row {seq} is missing" in problem for problem in problems(log))


def test_rows_removed_with_their_numbers_closed_up_are_found(log: Engine) -> None:
    force(
        log,
        "DELETE FROM audit_log WHERE seq = 2",
        "UPDATE audit_log SET seq = 2 WHERE seq = 3",
        "UPDATE audit_log SET seq = 3 WHERE seq = 4",
    )
    assert any(problem.startswith("row 2 does not follow row 1") for problem in problems(log))


def test_rows_that_changed_places_are_found(log: Engine) -> None:
    force(
        log,
        "UPDATE audit_log SET seq = 99 WHERE seq = 2",
        "UPDATE audit_log SET seq = 2 WHERE seq = 3",
        "UPDATE audit_log SET seq = 3 WHERE seq = 99",
    )
    messages = problems(log)
    assert any(problem.startswith("row 2 ") for problem in messages)
    assert any(problem.startswith("row 3 ") for problem in messages)


def test_a_cut_off_end_is_found_by_the_head_in_the_object_store(log: Engine) -> None:
    force(log, "DELETE FROM audit_log WHERE seq > 2")
    assert problems(log) == (
        "the end is cut off: rows 3 to 4 are missing, the object store has the head of row 4",
    )


def test_a_log_that_was_emptied_is_found(log: Engine) -> None:
    force(log, "DELETE FROM audit_log")
    assert "rows 1 to 4 are missing" in problems(log)[0]


def test_a_missing_forged_or_damaged_head_is_found(log: Engine) -> None:
    store, last = open_store(settings()), f"{audit.HEADS}0000000004"
    good = store.get(last)
    for damaged in (b"", b"{}", good.replace(b'"seq":4', b'"seq":5'), good[:-10] + b'0000000"}'):
        store.put(last, damaged)
        assert "0000000004" in problems(log)[0]
    store.delete(last)
    assert "row 4 has no head" in problems(log)[0]
    for key in store.list(audit.HEADS):
        store.delete(key)
    assert "no head is in the object store" in problems(log)[0]


def test_a_row_of_a_key_that_is_not_trusted_is_found(
    log: Engine, state: Path, tmp_path: Path
) -> None:
    (state / "signing").rename(tmp_path / "away")
    audit.append(log, "rollback", "a stranger", {"version": 1})
    for name in ("key.pem", "key.pub"):
        (state / "signing" / name).unlink()
    for path in (tmp_path / "away").iterdir():
        path.rename(state / "signing" / path.name)
    messages = problems(log)
    assert len(messages) == 2  # the row, and its head
    assert "row 5 is signed with key" in messages[0] and "not trusted" in messages[0]


def test_a_history_written_anew_without_a_trusted_key_is_found(log: Engine) -> None:
    rows = audit.rows(log)
    rows[3].document = '{"run":3,"verdict":"reject"}'
    rows[3].hash = audit.row_hash(rows[3])
    force(log)
    change(log, "document", 4, rows[3].document)
    change(log, "hash", 4, rows[3].hash)
    assert any("row 4 has a signature that does not match" in problem for problem in problems(log))


def test_the_database_itself_refuses_to_change_a_row(log: Engine) -> None:
    for statement in ("UPDATE audit_log SET actor = 'me'", "DELETE FROM audit_log"):
        with pytest.raises(DatabaseError, match="only ever added"), session(log) as transaction:
            transaction.execute(text(statement))
    assert problems(log) == ()


def test_a_retried_step_finds_its_row_and_writes_a_head_that_is_missing(database: Engine) -> None:
    document = {"run": "r1", "folder": "ab"}
    first = audit.append(database, "verdict", "a cycle", document, once=True)
    open_store(settings()).delete(f"{audit.HEADS}0000000001")
    again = audit.append(
        database, "verdict", "a cycle", dict(reversed(document.items())), once=True
    )
    assert (again.seq, again.hash) == (first.seq, first.hash)
    assert problems(database) == ()
    assert audit.append(database, "verdict", "a cycle", document).seq == 2


def test_the_next_row_mends_a_head_that_was_never_written(log: Engine) -> None:
    open_store(settings()).delete(f"{audit.HEADS}0000000004")
    assert problems(log)
    audit.append(log, "rollback", "root@here", {"version": 1})
    assert problems(log) == ()


def test_a_head_of_another_row_is_not_replaced_and_no_row_is_written(log: Engine) -> None:
    open_store(settings()).put(f"{audit.HEADS}0000000005", b"{}")
    with pytest.raises(ConflictError, match="holds another row 5"):
        audit.append(log, "rollback", "root@here", {"version": 1})
    assert len(audit.rows(log)) == ROWS


def test_without_an_object_store_no_row_is_written(log: Engine) -> None:
    objects = Path(settings().object_store)
    objects.rename(objects.with_name("away"))
    objects.write_text("not a folder")
    with pytest.raises(UnreachableError, match="objects"):
        audit.append(log, "rollback", "root@here", {"version": 1})
    assert len(audit.rows(log)) == ROWS


def test_an_object_store_that_fails_between_a_row_and_its_head_leaves_the_row_standing(
    log: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(audit, "open_store", lambda here: NoNewHeads(Path(here.object_store)))
    row = audit.append(log, "promotion", "cycle 1", {"version": 1})
    assert (row.seq, audit.rows(log)[-1].event) == (5, "promotion")
    assert "row 5 has no head in the object store yet (the disk is full)" in caplog.text
    with pytest.raises(UnreachableError, match="the disk is full"):  # it mends heads first
        audit.append(log, "roll-out", "cycle 1", {"version": 1})
    assert len(audit.rows(log)) == 5
    monkeypatch.undo()


class NoNewHeads(FolderStore):
    """A folder that takes what it holds already and nothing else."""

    def put(self, key: str, data: bytes, *, only_if_new: bool = False) -> None:
        if not self.exists(key):
            raise UnreachableError("the disk is full")
        super().put(key, data, only_if_new=only_if_new)


def test_an_event_without_a_name_and_a_document_without_json_are_refused(
    database: Engine,
) -> None:
    with pytest.raises(ValueError, match="verdikt"):
        audit.append(database, "verdikt", "root@here", {})
    with pytest.raises(ValueError, match="JSON"):
        audit.append(database, "verdict", "root@here", {"eer": float("nan")})
    assert audit.rows(database) == []


def test_a_log_cannot_be_forked_by_two_rows_after_one(log: Engine) -> None:
    copy = {name: getattr(audit.rows(log)[3], name) for name in COLUMNS}
    fork = AuditRow(**{**copy, "seq": 5, "hash": "f" * 64})
    with pytest.raises(IntegrityError), session(log) as transaction:
        transaction.add(fork)


def test_two_processes_never_fork_the_chain(database_url: str) -> None:
    open_database(database_url).dispose()
    source = f"""
from infra import audit
from infra.database import open_database
engine = open_database({database_url!r})
for number in range(8):
    audit.append(engine, "verdict", "one of two", {{"number": number}})
"""
    started = [
        subprocess.Popen([sys.executable, "-c", source], stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    errors = [process.communicate(timeout=120)[1] for process in started]
    assert [process.returncode for process in started] == [0, 0], errors
    engine = open_database(database_url)
    assert [row.seq for row in audit.rows(engine)] == list(range(1, 17))
    assert problems(engine) == ()
    engine.dispose()


def test_a_document_with_any_text_is_kept_as_it_came(database: Engine) -> None:
    odd = {"reason": "\x00 <b>“é” \ud83d", "eer": 0.1}
    row = audit.append(database, "verdict", "ünïcode", odd)
    assert json.loads(audit.rows(database)[0].document) == odd
    assert row.document.isascii()
    assert problems(database) == ()
