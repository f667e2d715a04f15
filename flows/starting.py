"""A cycle is started for the requests that wait: by Prefect, or in a process of its own."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from datetime import UTC, datetime

from flows.adaptable import is_fast
from flows.cycle import Champion
from flows.places import engine
from infra import ledger
from infra.settings import Settings, settings
from models.params.retraining import RetrainingParams
from monitoring.budget import over_budget

log = logging.getLogger("antiphon.monitor")


def start_waiting_cycle(champion: Champion | None, params: RetrainingParams) -> None:
    """Let the Prefect server start a cycle where requests wait and none runs.

    A fast one where only labels request it, params allow it and the champion can be adapted. Where
    no server is set, `antiphon adapt` or `antiphon retrain` takes what waits.
    """
    database = engine()
    ledger.close_dead_cycles(database, settings().lease_s)
    waiting = ledger.waiting_requests(database)
    if not waiting or ledger.running_cycle(database):
        return
    triggers = {request.trigger for request in waiting}
    over = over_budget(database, triggers, params, datetime.now(UTC))
    if over is not None:
        log.warning("%d cycle requests wait: %s", len(waiting), over)
        return
    fast = is_fast(triggers, champion, params)
    command = "antiphon adapt" if fast else "antiphon retrain"
    if settings().prefect_api_url is None:
        log.info("a cycle request is waiting; `%s` runs it", command)
        return
    name = f"{'fast' if fast else 'retraining'}-cycle/default"
    if not start_by_prefect(name):
        log.warning(
            "Prefect at %s has no deployment %s (antiphon up and a work pool have it): a cycle "
            "request is waiting; `%s` runs it",
            settings().prefect_api_url,
            name,
            command,
        )


def start_by_prefect(deployment: str) -> bool:
    """Start a run that takes what waits; False where the server has no such deployment."""
    from prefect.deployments import run_deployment
    from prefect.exceptions import ObjectNotFound

    try:
        run_deployment(deployment, parameters={"request": None}, timeout=0)
    except ObjectNotFound:
        return False
    return True


def start_here(here: Settings) -> str:
    """Start a cycle in a process of its own, for what waits; returns the file of its log."""
    log_file = here.state_dir / "logs" / "cycle.log"
    log_file.parent.mkdir(parents=True, exist_ok=True)
    with log_file.open("ab") as stream:
        subprocess.Popen(
            [sys.executable, "-P", "-m", "flows.servers.waiting_cycle"],
            env={**os.environ, **here.tool_environment(), **here.environment()},
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            start_new_session=True,  # it outlives the console
        )
    return str(log_file)
