"""A cycle that is held, and what the ledger says of it when it ends early."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from prefect.exceptions import TerminationSignal

from flows.claim import claimed_cycle, not_claimed
from flows.cycle import CycleRequest
from flows.places import engine
from infra import ledger
from models.errors import InputError
from monitoring.alerts.outbox import recent_alerts


@pytest.mark.parametrize(
    ("error", "outcome", "reason"),
    [
        (KeyboardInterrupt(), "cancelled", "stopped by Ctrl-C"),
        (TerminationSignal(signal.SIGTERM), "cancelled", "stopped by SIGTERM"),
        (SystemExit(128 + signal.SIGHUP), "cancelled", "stopped by SIGHUP"),
        (InputError("train: no clips"), "failed", "train: no clips"),
        (MemoryError(), "failed", "MemoryError"),
    ],
)
def test_a_cycle_that_ends_early_says_what_ended_it_and_makes_room(
    state: Path,  # noqa: ARG001
    error: BaseException,
    outcome: str,
    reason: str,
) -> None:
    with pytest.raises(type(error)), claimed_cycle(CycleRequest(reason="by hand")):
        raise error
    (cycle,) = ledger.recent_cycles(engine())
    assert (cycle.outcome, cycle.summary) == (outcome, {"reason": reason})
    assert ledger.running_cycle(engine()) is None


def test_an_error_that_follows_a_request_to_end_is_a_cancelled_cycle(
    state: Path,  # noqa: ARG001
) -> None:
    def end(number: int, _: object) -> None:
        raise TerminationSignal(number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        with pytest.raises(TerminationSignal), claimed_cycle(CycleRequest(reason="by hand")):
            try:
                signal.raise_signal(signal.SIGTERM)
            except TerminationSignal as error:  # as a library that wraps whatever it catches
                raise RuntimeError("a child process ended by signal 15") from error
        assert signal.getsignal(signal.SIGTERM) is end
    finally:
        signal.signal(signal.SIGTERM, before)
    (cycle,) = ledger.recent_cycles(engine())
    assert (cycle.outcome, cycle.summary) == ("cancelled", {"reason": "stopped by SIGTERM"})


def test_a_failed_cycle_is_an_alert_and_a_cancelled_one_is_not(state: Path) -> None:
    assert state.is_dir()
    for error in (InputError("train: no clips"), KeyboardInterrupt()):
        with pytest.raises(type(error)), claimed_cycle(CycleRequest(reason="by hand")):
            raise error
    with claimed_cycle(CycleRequest(reason="by hand")) as cycle:
        assert cycle is not None
        ledger.finish(engine(), cycle, "rejected", {"reason": "no better"})
    ((alert, _),) = recent_alerts(engine())
    assert (alert.kind, alert.detail.split(".")[0]) == ("cycle.failed", "train: no clips")


def test_over_the_budget_requests_wait_until_a_person_asks(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (state / "params.yaml").write_text("retraining: {budget_min: 0.0}\n")
    monkeypatch.setenv("ANTIPHON_PARAMS_FILE", str(state / "params.yaml"))
    with claimed_cycle(CycleRequest(trigger="schedule", reason="weekly")) as cycle:
        assert cycle is None
        waits = not_claimed()
    assert waits.outcome == "waits"
    assert waits.reason.startswith("the training budget of 0 minutes a month is used up")
    with claimed_cycle(CycleRequest(reason="by hand")) as cycle:
        assert cycle is not None
        assert [request.trigger for request in cycle.requests] == ["schedule", "manual"]
