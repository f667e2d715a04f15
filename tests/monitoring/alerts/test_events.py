"""What happened to the loop is told once, and nothing else is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, update

from infra import audit, ledger
from infra.audit import Event
from infra.database import session
from infra.past_cycles import ask_for_labels
from infra.tables import AlertRow, Cycle, DriftCheck, ScoredRequest
from models.params.retraining import RetrainingParams
from monitoring.alerts.drift_turns import drift_turns
from monitoring.alerts.events import events
from monitoring.alerts.outbox import raise_alerts

NOW = datetime.now(UTC)
PARAMS = RetrainingParams()


def checked(database: Engine, status: str, minutes_ago: float, version: int = 3) -> None:
    """Write a drift check of some time ago."""
    ledger.write_drift_check(
        database,
        DriftCheck(
            checked_at=NOW - timedelta(minutes=minutes_ago),
            model_version=version,
            status=status,
            report={"reasons": ["cm_score has moved"]} if status == "drift" else {},
        ),
    )


def new(database: Engine, params: RetrainingParams = PARAMS) -> list[AlertRow]:
    """What a look tells that no earlier look has told."""
    return raise_alerts(database, events(database, params, 2.0, NOW), [], NOW)


def kinds(rows: list[AlertRow]) -> list[str]:
    return [row.kind for row in rows]


def series(*statuses: str) -> list[tuple[int, str]]:
    """Turns of drift in checks of version 3, or of the version after a colon, by their place."""
    checks = []
    for place, word in enumerate(statuses, start=1):
        status, _, version = word.partition(":")
        checks.append(
            DriftCheck(id=place, checked_at=NOW + timedelta(minutes=place), status=status,
                       model_version=int(version or 3), report={}))  # fmt: skip
    turns = drift_turns(checks)
    return [(round((turn.happened_at - NOW).seconds / 60), turn.kind.value) for turn in turns]


def test_drift_begins_once_and_ends_with_a_check_that_is_ok() -> None:
    assert series("ok", "drift", "drift", "drift", "ok", "ok", "drift") == [
        (2, "drift.began"),
        (5, "drift.ended"),
        (7, "drift.began"),
    ]


def test_windows_that_say_nothing_neither_begin_nor_end_drift() -> None:
    assert series("watch", "drift", "insufficient", "watch", "drift", "ok") == [
        (2, "drift.began"),
        (6, "drift.ended"),
    ]


def test_the_drift_of_a_version_ends_with_the_next_version() -> None:
    assert series("drift", "insufficient:4", "drift:4") == [
        (1, "drift.began"),
        (2, "drift.ended"),
        (3, "drift.began"),
    ]


def test_a_drift_that_lasts_for_days_is_told_once(database: Engine) -> None:
    day = 24 * 60
    checked(database, "drift", 3 * day)
    for minutes in (30, 20, 10):
        checked(database, "drift", minutes)
    assert new(database) == []
    checked(database, "ok", 1)
    (ended,) = new(database)
    assert ended.kind == "drift.ended"


def test_the_same_event_is_told_by_one_look(database: Engine) -> None:
    checked(database, "drift", 10)
    (began,) = new(database)
    assert (began.kind, began.severity) == ("drift.began", "warning")
    assert "cm_score has moved" in began.detail
    checked(database, "drift", 1)
    assert new(database) == []


def test_a_failed_cycle_and_wanted_labels_are_told_and_other_ends_are_not(database: Engine) -> None:
    checked(database, "ok", 1)
    for outcome, reason in (("rejected", "no better"), ("failed", "train: no clips")):
        ledger.request_cycle(database, "manual", "by hand")
        cycle = ledger.claim_cycle(database, lease_s=300)
        assert cycle is not None
        ledger.finish(database, cycle, outcome, {"reason": reason})  # type: ignore[arg-type]
    ask_for_labels(database, "drift", "moved", {"reason": "labels are wanted: 7 calls wait"})
    failed, wanted = new(database)
    assert (failed.kind, wanted.kind) == ("cycle.failed", "labels.wanted")
    assert failed.detail == f"train: no clips. `antiphon cycles {cycle.id[:8]}` shows all of it"
    assert "7 calls wait" in wanted.detail


def test_a_cycle_that_died_is_told_once_it_is_closed(database: Engine) -> None:
    checked(database, "ok", 1)
    ledger.request_cycle(database, "manual", "by hand")
    assert ledger.claim_cycle(database, lease_s=300) is not None
    with session(database) as transaction:
        transaction.execute(update(Cycle).values(heartbeat_at=NOW - timedelta(hours=1)))
    assert new(database) == []
    ledger.close_dead_cycles(database, lease_s=300)
    (failed,) = new(database)
    assert "no sign of life" in failed.detail


def test_what_happens_to_versions_is_told(database: Engine) -> None:
    checked(database, "ok", 1)
    late = "the endpoint did not confirm version 4 (connection refused)"
    no = "the endpoint did not take version 4: golden.npz"
    for event, document in (
        (Event.VERDICT, {"verdict": "promote"}),
        (Event.PROMOTION, {"version": 4, "champion_before": 3}),
        (Event.REFUSAL, {"version": 4, "champion_again": 3, "endpoint": late}),
        (Event.REFUSAL, {"version": 4, "champion_again": 3, "endpoint": late}),
        (Event.REFUSAL, {"version": 4, "champion_again": 3, "endpoint": no}),
        (Event.ROLL_OUT, {"version": 5, "endpoint": "the endpoint answers with version 5"}),
        (Event.ROLLBACK, {"version": 3, "champion_before": 5}),
        (Event.ALIAS_MOVED, {"version": None, "champion_before": 3}),
    ):
        audit.append(database, event, "ada", document)
    alerts = new(database)
    assert [(alert.severity, alert.title) for alert in alerts] == [
        ("critical", "The endpoint does not answer with version 4: unconfirmed"),
        ("critical", "The endpoint does not answer with version 4: refused"),
        ("info", "Version 5 was promoted"),
        ("warning", "Rolled back to version 3"),
        ("warning", "The champion is none, and antiphon did not move it"),
    ]
    assert alerts[0].detail == f"{late}; version 3 is the champion again"


def test_history_raises_no_alert(database: Engine) -> None:
    checked(database, "drift", 25 * 60)
    checked(database, "ok", 1)
    assert kinds(new(database)) == ["drift.ended"]


def test_silence_is_told_once_and_again_after_the_next_check(database: Engine) -> None:
    assert new(database) == []  # an installation without traffic
    checked(database, "ok", 119)
    assert new(database) == []
    checked(database, "insufficient", 121)
    (silent,) = new(database)
    assert (silent.kind, silent.severity) == ("checks.silent", "critical")
    assert new(database) == []
    checked(database, "ok", 1)
    assert new(database) == []
    checked(database, "ok", 130)
    assert kinds(new(database)) == ["checks.silent"]


def test_traffic_that_was_never_checked_is_silence(database: Engine) -> None:
    with session(database) as transaction:
        transaction.add(
            ScoredRequest(request_id="r", scored_at=NOW - timedelta(hours=3), model_version=1,
                          cm_score=0.0, spoof_probability=0.5, verdict="bonafide", threshold=0.0,
                          duration_s=1.0, windows=1, features={}, embedding_sketch=[],
                          audio_sha256="0" * 64))  # fmt: skip
    (silent,) = new(database)
    assert "there was none yet" in silent.detail


def test_a_spent_budget_is_told_once_a_month_and_only_where_something_waits(
    database: Engine,
) -> None:
    checked(database, "ok", 1)
    params = RetrainingParams(budget_min=0.0)
    ledger.request_cycle(database, "manual", "by hand")
    assert new(database, params) == []
    ledger.request_cycle(database, "schedule", "weekly")
    (spent,) = new(database, params)
    assert spent.title == "1 cycle requests wait: the training budget is used up"
    ledger.request_cycle(database, "drift", "moved")
    assert new(database, params) == []


def test_an_altered_row_of_the_audit_log_silences_no_other(database: Engine) -> None:
    checked(database, "ok", 1)
    audit.append(database, Event.ROLLBACK, "ada", {"no": "version"})
    audit.append(database, Event.ROLLBACK, "ada", {"version": 3, "champion_before": 5})
    assert kinds(new(database)) == ["champion.rolled_back"]
