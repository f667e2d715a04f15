"""A cycle that is held, and what the ledger says of it when it ends early."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from prefect.exceptions import TerminationSignal

from flows.claim import claimed_cycle
from flows.cycle import CycleRequest
from flows.places import engine
from infra import ledger
from models.errors import InputError


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
