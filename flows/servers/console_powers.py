"""What the console can have done, as small functions; each returns a sentence for the person.

What waits for the endpoint goes on after the person was answered: its rows in the audit log say
what came of it.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet

from flows.places import engine
from flows.rollout import approval, rollback
from flows.rollout.replicas import ask_all
from flows.rollout.rollout import wait_for_endpoint
from flows.servers.cycle_steps import steps_of
from flows.starting import start_by_prefect, start_here
from infra import audit, ledger
from infra.settings import settings
from monitoring.console.powers import Powers

log = logging.getLogger("antiphon.console")

PATIENCE_S = 8.0  # a person waits this long for the endpoint
DEPLOYMENT = "retraining-cycle/default"
_one_at_a_time = ThreadPoolExecutor(max_workers=1, thread_name_prefix="rollout")


def ask_for_cycle(reason: str, forced: bool, actor: str) -> str:
    """Request a cycle in the ledger, and start it where none runs."""
    trigger: ledger.Trigger = "forced" if forced else "manual"
    number = ledger.request_cycle(engine(), trigger, f"{reason} ({actor})")
    document = {"request": number, "reason": reason, "forced": forced}
    audit.append(engine(), audit.Event.CYCLE_REQUEST, actor, document)
    return f"Request {number} is written down. {_start()}"


def _start() -> str:
    here = settings()
    ledger.close_dead_cycles(engine(), here.lease_s)
    running = ledger.running_cycle(engine())
    if running is not None:
        return f"Cycle {running.id[:8]} runs now; the request waits for the next."
    if here.prefect_api_url is None:
        return f"Its cycle starts on this machine; its log is {start_here(here)}."
    os.environ["PREFECT_API_URL"] = here.prefect_api_url
    if start_by_prefect(DEPLOYMENT):
        return "Prefect starts its cycle."
    return (
        f"Prefect at {here.prefect_api_url} has no deployment {DEPLOYMENT}: `antiphon retrain` "
        "runs what waits."
    )


def roll_back(actor: str) -> str:
    """Swap champion and previous, and wait a moment for the endpoint."""
    done = rollback.roll_back(actor)
    rollout = _soon(lambda: wait_for_endpoint(done.version).sentence)
    return f"Version {done.version} is the champion again; {rollout}. {done.complaint}".strip()


def approve(version: int, actor: str) -> str:
    """Promote the version that waits, and wait a moment for the endpoint."""
    return f"Version {version}: {_soon(lambda: approval.approve(version, actor).sentence)}."


def decline(version: int, actor: str) -> str:
    """Leave the version that waits unpromoted."""
    return f"Version {approval.decline(version, actor)} stays registered and is not promoted."


def endpoint_says() -> list[tuple[str, str]]:
    """Each replica of the endpoint, and what it answers with."""
    return [
        (answer.url, answer.trouble or f"version {answer.version}")
        for answer in ask_all(settings())
    ]


def _soon(work: Callable[[], str]) -> str:
    """What came of it, where that is known in time; raises what it raises in time."""
    future: Future[str] = _one_at_a_time.submit(work)
    try:
        return future.result(timeout=PATIENCE_S)
    except NotYet:
        future.add_done_callback(_tell)
        return "the endpoint has not answered with it yet; the history below says when it has"


def _tell(future: Future[str]) -> None:
    error = future.exception()
    if error is not None:
        log.error("a rollout of the console ended with: %s", error)


POWERS = Powers(ask_for_cycle, roll_back, approve, decline, endpoint_says, steps_of)
