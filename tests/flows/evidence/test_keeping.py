"""No evidence, no promotion: what is kept where, what a retry does, and what an outage does."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.commands import audit as audit_command
from flows.commands.evidence import app
from flows.evidence.case import Case
from flows.evidence.folder import write_folder
from flows.evidence.keeping import keep_evidence
from flows.gate.judging import judge_run
from infra import audit, tracking
from infra.artifacts import run_of
from infra.database import open_database
from infra.errors import AbsentError, SettingsError, UnreachableError
from infra.mlflow_client import connect
from infra.settings import settings
from infra.signing import signing_key
from infra.tables import AuditRow
from models.params.promotion import PromotionParams
from models.promotion import Decision, Evidence
from tests.flows.evidence.examples import case_of, evidence_of, scores, verdict_of

RULES = PromotionParams(resamples=200)


@pytest.fixture
def case(mlflow_state: Path) -> Case:  # noqa: ARG001
    """A case whose run is there."""
    cycle = case_of().cycle_id or ""
    return replace(case_of(), run_id=tracking.open_run(cycle, "cycle-1", {"cycle": cycle}))


@pytest.fixture(scope="module")
def evidence() -> Evidence:
    """A little better than the champion."""
    return evidence_of(scores(2.5, 1), scores(2.0, 2))


def rows() -> list[AuditRow]:
    return audit.rows(open_database(settings().database_url))


def tags(case: Case) -> dict[str, str]:
    tags_of_run: dict[str, str] = connect(settings()).get_run(case.run_id).data.tags
    return tags_of_run


def block_the_object_store() -> None:
    """A file lies where the folder of objects should be."""
    Path(settings().object_store).write_text("not a folder")


def test_a_verdict_is_kept_in_three_places_and_a_retry_changes_nothing(
    case: Case, evidence: Evidence, tmp_path: Path
) -> None:
    folder = keep_evidence(case, evidence, verdict_of(Decision.PROMOTE))
    assert folder is not None
    (row,) = rows()
    document = json.loads(row.document)
    assert (row.event, row.actor) == ("verdict", "cycle 1")
    assert (document["verdict"], document["run"]) == ("promote", case.run_id)
    assert document["evidence"] == tags(case)["evidence"] == f"evidence/{folder.name}"
    assert document["manifest_sha256"].startswith(folder.name)

    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert keep_evidence(case, evidence, verdict_of(Decision.PROMOTE)) == folder
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    assert len(rows()) == 1
    artifacts = connect(settings()).list_artifacts(case.run_id, "evidence")
    assert [item.path for item in artifacts] == [document["evidence"]]

    assert run_of(case.run_id[:10]) == run_of(case.run_id) == case.run_id
    fetched = CliRunner().invoke(
        app, ["fetch", str(case.cycle_id)[:8], "--into", str(tmp_path / "here")]
    )
    assert fetched.exit_code == 0, fetched.stderr
    assert fetched.stdout.startswith(f"{tmp_path / 'here' / 'index.html'}\n")
    assert fetched.stdout.endswith("is promote\n")
    for path, data in before.items():
        assert (tmp_path / "here" / path.relative_to(folder)).read_bytes() == data


def test_a_second_verdict_on_a_run_does_not_touch_the_first(case: Case, evidence: Evidence) -> None:
    one = keep_evidence(case, evidence, verdict_of(Decision.SHADOW))
    two = keep_evidence(case, evidence, verdict_of(Decision.PROMOTE))
    assert one is not None and two is not None and one != two
    assert tags(case)["evidence"] == f"evidence/{two.name}"
    assert [json.loads(row.document)["verdict"] for row in rows()] == ["shadow", "promote"]


@pytest.mark.parametrize("decision", [Decision.PROMOTE, Decision.SHADOW])
def test_without_evidence_nothing_is_promoted(
    decision: Decision, case: Case, evidence: Evidence
) -> None:
    block_the_object_store()
    with pytest.raises(UnreachableError, match=r"no evidence, no promotion: the folder .*objects"):
        keep_evidence(case, evidence, verdict_of(decision))


def test_a_rejection_stands_without_evidence_and_says_so(
    case: Case, evidence: Evidence, caplog: pytest.LogCaptureFixture
) -> None:
    block_the_object_store()
    with caplog.at_level(logging.ERROR):
        assert keep_evidence(case, evidence, verdict_of(Decision.REJECT)) is None
    assert "is rejected, and its evidence could not be kept" in caplog.text


def test_an_outage_while_evidence_is_kept_does_not_lose_the_verdict(
    case: Case, state: Path
) -> None:
    (state / "evidence").write_text("not a folder")
    first = replace(case, champion=None)
    alone = Evidence.of_scores(None, scores(6.0, 1))
    with pytest.raises(UnreachableError, match=r"no evidence, no promotion: .*cannot be written"):
        judge_run(first, alone, RULES)
    assert tags(case)["verdict"] == "promote"
    assert "there is no champion" in tags(case)["reason"]
    assert rows() == []
    (state / "evidence").unlink()
    assert judge_run(first, alone, RULES).promote  # the retry finds its way
    assert [row.event for row in rows()] == ["verdict"]


def test_without_a_usable_key_nothing_is_promoted(
    case: Case, evidence: Evidence, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ANTIPHON_SIGNING_KEY_FILE", str(tmp_path / "nowhere.pem"))
    with pytest.raises(SettingsError, match="no evidence, no promotion: ANTIPHON_SIGNING_KEY_FILE"):
        keep_evidence(case, evidence, verdict_of(Decision.PROMOTE))


def test_what_cannot_be_fetched_is_said_in_a_sentence(case: Case) -> None:
    runner = CliRunner()
    for name, sentence in (
        ("deadbeef", "no cycle and no run begins with deadbeef"),
        ("%", "the id of a cycle or run expected"),
        (case.run_id, f"run {case.run_id}: no evidence was kept"),
    ):
        done = runner.invoke(app, ["fetch", name])
        assert isinstance(done.exception, AbsentError)
        assert sentence in str(done.exception)


def test_a_folder_that_no_verdict_rests_on_is_told(case: Case, evidence: Evidence) -> None:
    folder = keep_evidence(case, evidence, verdict_of())
    runner = CliRunner()
    assert runner.invoke(app, ["verify", str(folder), "--audit"]).exit_code == 0
    key = signing_key(settings())
    other, _ = write_folder(settings().state_dir, case, evidence, verdict_of(Decision.SHADOW), key)
    assert runner.invoke(app, ["verify", str(other)]).exit_code == 0
    result = runner.invoke(app, ["verify", str(other), "--audit"])
    assert result.exit_code == 1
    assert result.stderr == f"antiphon: {other}: no verdict in the audit log rests on it\n"


def test_the_audit_commands_tell_and_check(case: Case, evidence: Evidence) -> None:
    keep_evidence(case, evidence, verdict_of(Decision.REJECT))
    runner = CliRunner()
    whole = runner.invoke(audit_command.app, ["verify"])
    assert (whole.exit_code, whole.stdout) == (0, "1 rows, all unchanged, none missing\n")
    shown = runner.invoke(audit_command.app, ["log"])
    assert "cycle 1" in shown.stdout
    document = json.loads(runner.invoke(audit_command.app, ["log", "--json"]).stdout)
    assert document["document"]["verdict"] == "reject"
    assert document["seq"] == 1

    engine = open_database(settings().database_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TRIGGER audit_log_no_update")
        connection.exec_driver_sql("UPDATE audit_log SET actor = 'cycle 2'")
    broken = runner.invoke(audit_command.app, ["verify"])
    assert (broken.exit_code, broken.stdout) == (1, "")
    assert broken.stderr.startswith("antiphon: audit log: row 1 (verdict of ")
