"""`antiphon requests` and `antiphon alerts`: what waits, for what, and who was told."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import typer
from sqlalchemy import update
from typer.testing import CliRunner, Result

from flows.commands import alerts, inbox
from flows.places import engine
from infra import ledger
from infra.database import session
from infra.tables import Cycle, DriftCheck

app = typer.Typer()
app.command("requests")(inbox.requests)
app.add_typer(alerts.app, name="alerts")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments, catch_exceptions=False)


@pytest.fixture(autouse=True)
def _terminal(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert state.is_dir()
    monkeypatch.setenv("COLUMNS", "100")


def test_requests_are_listed_with_their_causes_counts_and_cycles() -> None:
    for _ in range(3):
        ledger.request_cycle(engine(), "drift", "cm_score has moved", cause="drift")
    cycle = ledger.claim_cycle(engine(), lease_s=300)
    assert cycle is not None
    ledger.request_cycle(engine(), "schedule", "weekly")
    lines = run("requests").stdout.splitlines()
    assert [line.split() for line in lines[2:4]] == [
        ["2", "0", "s", "schedule", "1", "waits", "weekly"],
        ["1", "0", "s", "drift", "3", cycle.id[:8], "running", "cm_score", "has", "moved"],
    ]
    assert lines[-1] == f"Waits for the end of cycle {cycle.id[:8]}, begun 0 s ago."
    waiting, taken_by_it = map(json.loads, run("requests", "--json").stdout.splitlines())
    assert (waiting["times"], waiting["cycle"]) == (1, None)
    assert (taken_by_it["cause"], taken_by_it["times"]) == ("drift", 3)
    assert (taken_by_it["cycle"], taken_by_it["outcome"]) == (cycle.id, "running")
    assert taken_by_it["waits_for"] is None


def test_a_request_says_what_it_waits_for(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger.request_cycle(engine(), "schedule", "weekly")
    assert "Waits for `antiphon retrain`" in run("requests").stdout
    monkeypatch.setenv("ANTIPHON_PREFECT_API_URL", "http://127.0.0.1:4200/api")
    assert "Waits for the next drift check" in run("requests").stdout
    (state / "params.yaml").write_text("retraining: {budget_min: 0.0}\n")
    monkeypatch.setenv("ANTIPHON_PARAMS_FILE", str(state / "params.yaml"))
    (row,) = map(json.loads, run("requests", "--json").stdout.splitlines())
    assert row["waits_for"].startswith("minutes: the training budget of 0 minutes")
    assert ledger.claim_cycle(engine(), lease_s=300) is not None
    ledger.request_cycle(engine(), "labels", "20 new labels")
    with session(engine()) as transaction:
        silent = datetime.now(UTC) - timedelta(hours=2)
        transaction.execute(update(Cycle).values(heartbeat_at=silent))
    assert "which gave no sign of life for 2 h." in " ".join(run("requests").stdout.split())


def test_the_check_of_a_cron_job_tells_a_silence_once_and_says_it_each_time() -> None:
    assert run("alerts", "check").exit_code == 0
    late = datetime.now(UTC) - timedelta(hours=3)
    check = DriftCheck(checked_at=late, model_version=1, status="ok", report={})
    ledger.write_drift_check(engine(), check)
    first, second = run("alerts", "check"), run("alerts", "check")
    assert (first.exit_code, second.exit_code) == (1, 1)
    assert "checks.silent: No drift check for 2 hours" in first.stdout
    assert "checks.silent" not in second.stdout
    assert "No drift check for 2 hours. " in second.stdout
    (row,) = map(json.loads, run("alerts", "list", "--json").stdout.splitlines())
    assert (row["kind"], row["severity"], row["deliveries"]) == ("checks.silent", "critical", [])


def test_a_sink_that_takes_nothing_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ANTIPHON_ALERT_WEBHOOK_URL", "http://127.0.0.1:9/hook")
    monkeypatch.setenv("ANTIPHON_ALERT_WEBHOOK_SECRET", "whsec_" + "QUJD" * 8)
    sending = run("alerts", "test")
    assert sending.exit_code == 3
    assert "webhook at 127.0.0.1" in sending.stderr
    shown = " ".join(run("alerts", "list").stdout.split())
    assert "alerts.test webhook waiting A test of alerts" in shown
    assert "waiting after 1 attempts: webhook at 127.0.0.1:" in shown
    assert run("alerts", "retry").stdout == "0 deliveries are tried again\n0 sent\n"
