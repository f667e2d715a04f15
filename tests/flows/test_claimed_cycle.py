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
