"""Flows tell at their end, whatever that end is, and never fail because of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from flows.alerting import tell, telling
from flows.places import engine
from infra import ledger
from infra.errors import UnreachableError
from infra.tables import DriftCheck
from monitoring.alerts.outbox import recent_alerts


def silent_for(hours: float) -> None:
    """The last drift check was so long ago."""
    at = datetime.now(UTC) - timedelta(hours=hours)
    check = DriftCheck(checked_at=at, model_version=1, status="ok", report={})
    ledger.write_drift_check(engine(), check)


def test_checks_that_fail_for_hours_tell_it_themselves(state: Path) -> None:
    assert state.is_dir()
    silent_for(3)

    @telling
    def check() -> None:
        raise UnreachableError("the registry cannot be reached")

    for _ in range(2):
        with pytest.raises(UnreachableError, match="registry"):
            check()
    ((alert, _),) = recent_alerts(engine())
    assert alert.kind == "checks.silent"


def test_params_that_cannot_be_read_keep_no_alert_back(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (state / "params.yaml").write_text("no: such section\n")
    monkeypatch.setenv("ANTIPHON_PARAMS_FILE", str(state / "params.yaml"))
    silent_for(3)
    tell()
    assert len(recent_alerts(engine())) == 1


def test_a_database_that_is_away_fails_no_flow(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (state / "file").write_text("")
    monkeypatch.setenv("ANTIPHON_DATABASE_URL", f"sqlite:///{state}/file/antiphon.db")

    @telling
    def check() -> str:
        return "done"

    assert check() == "done"
