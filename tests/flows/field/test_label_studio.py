"""Samples out to Label Studio and to CSV, and answers in again, without loss."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner

from flows.commands.review import app
from flows.field.label_studio import answers_of
from flows.places import engine
from infra.database import open_database
from infra.field_samples import get_sample
from infra.review.answers import Answer, Region
from infra.review.desk import take_item
from infra.review.history import history
from infra.review.judging import submit, undo
from models.errors import InputError
from tests.infra.review_desk import BONAFIDE, RULE, flag_requests, register_people, say

PARTIAL = Answer(
    "spoof", "A01", ("buzz", 'no breath; "odd"'), (Region(0.5, 1.25, "spoof", 1),), 4.25
)


@pytest.fixture
def database(state: Path) -> Engine:  # noqa: ARG001
    """Two judged samples and one that waits; an answer was undone."""
    opened = engine()
    register_people(opened)
    first, second, _ = flag_requests(opened, "a", "b", "c")
    take_item(opened, first, "ann", RULE)
    submit(opened, first, "ann", PARTIAL, "key-1", RULE)
    say(opened, first, "eva", BONAFIDE)
    undo(opened, "eva", "undoing", RULE)
    submit(opened, first, "eva", PARTIAL, "key-2", RULE)
    say(opened, second, "bo", Answer("unsure"))
    return opened


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def revisions(opened: Engine, *, undone: bool = True) -> list[tuple[Any, ...]]:
    """What was answered, without what differs between databases."""
    rows = [row for sample in (1, 2, 3) for row in history(opened, sample)]
    gone = {row.undoes for row in rows}
    return [
        (row.sample_id, row.reviewer, row.label, row.attack_id, row.reasons, row.regions,
         row.seconds, row.key, row.at)
        for row in rows
        if undone or (row.label is not None and row.id not in gone)
    ]  # fmt: skip


@pytest.mark.parametrize("suffix", ["csv", "json"])
def test_answers_go_to_another_database_and_lose_nothing(
    database: Engine, suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = str(tmp_path / f"answers.{suffix}")
    assert run("export", file) == f"{file}: 3 samples\n"
    before = revisions(database, undone=suffix == "csv")

    monkeypatch.setenv("ANTIPHON_DATABASE_URL", f"sqlite:///{tmp_path}/other.db")
    other = open_database(f"sqlite:///{tmp_path}/other.db")
    register_people(other)
    flag_requests(other, "a", "b", "c")
    assert f"{len(before)} of {len(before)} answers were new" in run("import", file)
    assert revisions(other) == before
    assert "0 of" in run("import", file), "a second time adds nothing"
    sample = get_sample(other, 1)
    assert (sample.state, sample.label, sample.attack_id) == ("accepted", "spoof", "A01")


def test_a_blind_task_has_neither_answers_nor_scores(database: Engine, tmp_path: Path) -> None:
    assert database is engine()
    run("export", str(tmp_path / "blind.json"), "--blind", "--audio-prefix", "/audio/")
    tasks = json.loads((tmp_path / "blind.json").read_text())
    assert tasks[0] == {"data": {"audio": "/audio/k/a", "request_id": "a", "sample_id": 1}}
    run("export", str(tmp_path / "full.json"))
    (task, *_) = json.loads((tmp_path / "full.json").read_text())
    assert task["predictions"][0]["model_version"] == "1"
    (region,) = [r for r in task["annotations"][0]["result"] if r["type"] == "labels"]
    assert (region["original_length"], region["value"]) == (
        2.0, {"start": 0.5, "end": 1.25, "channel": 1, "labels": ["spoof"]},
    )  # fmt: skip


def test_what_label_studio_itself_exports_is_read() -> None:
    task = {
        "id": 1, "data": {"audio": "/data/a.wav", "request_id": "r"},
        "annotations": [{
            "id": 9, "completed_by": 3, "was_cancelled": False, "lead_time": 4.288,
            "created_at": "2026-03-09T22:16:08.728353Z", "result": [
                {"type": "choices", "from_name": "verdict", "to_name": "audio",
                 "value": {"choices": ["spoof"]}},
                {"type": "textarea", "from_name": "attack", "to_name": "audio",
                 "value": {"text": ["A07"]}}]}],
    }  # fmt: skip
    (read,) = answers_of([task])
    assert (read.request_id, read.reviewer, read.key) == ("r", "label-studio-3", "label-studio-9")
    assert read.answer == Answer("spoof", "A07", seconds=4.288)


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ({}, "a list of tasks expected"),
        ([{"data": {}}], r"task 1: data.request_id and annotations"),
        ([{"data": {"request_id": "a"}, "annotations": [{"result": []}]}], "task 1"),
    ],
)
def test_a_file_of_another_kind_is_refused(document: object, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        answers_of(document)


def test_a_broken_line_of_a_table_is_named(tmp_path: Path, state: Path) -> None:  # noqa: ARG001
    (tmp_path / "a.csv").write_text("request_id,reviewer\na,ann\n")
    with pytest.raises(InputError, match=r"a\.csv: line 2: the columns request_id"):
        run("import", str(tmp_path / "a.csv"))
