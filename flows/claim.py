"""A cycle is claimed by one flow run, and closed whatever happens to that run."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from signal import Signals
from types import FrameType
from typing import get_args

from prefect.exceptions import TerminationSignal
from sqlalchemy import Engine

from flows.alerting import tell
from flows.candidate.lifeline import STOPPED
from flows.cycle import CycleOutcome, CycleRequest
from flows.places import current_params, engine
from infra import ledger
from infra.errors import ConflictError, UnreachableError
from infra.ledger import Outcome, RunningCycle, Trigger
from infra.machine.process_groups import undisturbed
from infra.settings import settings
from models.errors import InputError
from monitoring.budget import BY_PEOPLE, over_budget

log = logging.getLogger("antiphon.cycle")


@contextmanager
def claimed_cycle(
    request: CycleRequest | None, triggers: Collection[Trigger] = get_args(Trigger)
) -> Iterator[RunningCycle | None]:
    """Hold the one running cycle, or None where none waits or another runs; close it as failed
    where a step fails, as cancelled where it is stopped. It takes requests of `triggers` alone."""
    database, here = engine(), settings()
    if request is not None:
        ledger.request_cycle(database, request.trigger, request.reason)
    ledger.close_dead_cycles(database, here.lease_s)  # their requests count for the budget
    over = over_budget_now(database, triggers)
    cycle = None if over else ledger.claim_cycle(database, here.lease_s, triggers)
    if cycle is None:
        yield None
        return
    log.info("cycle %s: %s", cycle.id, "; ".join(r.reason for r in cycle.requests))
    with _noted_signals() as signals:
        try:
            with ledger.keep_alive(database, cycle, every_s=here.lease_s / 4):
                yield cycle
        except BaseException as error:
            cause = _cause(error, signals)
            with undisturbed():
                _close_early(database, cycle, cause)
            if isinstance(cause, Exception):
                tell()
            if cause is error:
                raise
            raise cause from error
    tell()


@contextmanager
def _noted_signals() -> Iterator[list[int]]:
    """The signals that ask this process to end meanwhile; their handlers act as before.

    What a handler raises may be lost in a destructor or be turned into another error on its way,
    and children in the same process group end at once: what fails then fails because of the signal.
    """
    signals: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield signals
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    chained = {number: handler for number, handler in before.items() if callable(handler)}
    for number, handler in chained.items():
        signal.signal(number, _noting(signals, handler))
    try:
        yield signals
    finally:
        for number, handler in chained.items():
            signal.signal(number, handler)


def _noting(
    signals: list[int], handler: Callable[[int, FrameType | None], object]
) -> Callable[[int, FrameType | None], object]:
    def note(number: int, frame: FrameType | None) -> object:
        signals.append(number)
        return handler(number, frame)

    return note


def _cause(error: BaseException, signals: list[int]) -> BaseException:
    """The error, or the signal that came before it."""
    return TerminationSignal(signals[0]) if signals and isinstance(error, Exception) else error


def _close_early(database: Engine, cycle: RunningCycle, error: BaseException) -> None:
    outcome: Outcome = "failed" if isinstance(error, Exception) else "cancelled"
    reason = _why(error)
    log.error("cycle %s %s: %s", cycle.id, outcome, reason)
    try:
        ledger.finish(database, cycle, outcome, {"reason": reason})
    except (ConflictError, UnreachableError) as second:
        log.error("cycle %s could not be closed: %s", cycle.id, second)


def _why(error: BaseException) -> str:
    if isinstance(error, KeyboardInterrupt):
        return "stopped by Ctrl-C"
    if isinstance(error, TerminationSignal):  # Prefect's, for what a supervisor sends
        return f"stopped by {Signals(error.signal).name}"
    if isinstance(error, SystemExit) and isinstance(error.code, int) and error.code > STOPPED:
        return f"stopped by {Signals(error.code - STOPPED).name}"
    return str(error) or type(error).__name__


def over_budget_now(database: Engine, triggers: Collection[Trigger]) -> str | None:
    """Why the waiting requests of these triggers start no cycle; None where they may."""
    waiting = {request.trigger for request in ledger.waiting_requests(database)}
    wanted = waiting.intersection(triggers)
    if not wanted or wanted & BY_PEOPLE:
        return None
    try:
        params = current_params().retraining
    except InputError:  # the cycle fails with it, and says so
        return None
    return over_budget(database, wanted, params, datetime.now(UTC))


def not_claimed(triggers: Collection[Trigger] = get_args(Trigger)) -> CycleOutcome:
    """Why this flow run has no cycle to turn."""
    running = ledger.running_cycle(engine())
    if running is None:
        over = over_budget_now(engine(), triggers)
        if over is not None:
            return CycleOutcome(outcome="waits", reason=over)
        return CycleOutcome(outcome="nothing waited", reason="an earlier cycle took every request")
    return CycleOutcome(
        outcome="waits", reason=f"cycle {running.id} runs; the request waits for it"
    )
