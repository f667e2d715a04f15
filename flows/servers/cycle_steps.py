"""The steps of the cycle that runs, as Prefect knows them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

import httpx

from infra.settings import settings
from monitoring.console.powers import CycleStep

FLOWS = ("retraining-cycle", "fast-cycle")
STEPS = {  # task -> what people call it, in their order
    "snapshot_dataset": "dataset",
    "gather_inputs": "inputs",
    "gather_material": "labels",
    "train_candidate": "train",
    "adapt_candidate": "adapt",
    "compare": "compare",
    "judge_candidate": "verdict",
    "register": "register",
    "roll_out": "roll out",
    "run_in_shadow": "shadow",
    "conclude": "close",
}
STATES: dict[str, Literal["waits", "runs", "done", "failed"]] = {
    "RUNNING": "runs",
    "COMPLETED": "done",
    "FAILED": "failed",
    "CRASHED": "failed",
    "CANCELLED": "failed",
    "CANCELLING": "failed",
}
PATIENCE_S = 2.0


def steps_of(cycle_id: str) -> Sequence[CycleStep]:
    """The steps so far, oldest first; empty without a Prefect server, or where it says nothing.

    `cycle_id` is of the cycle that runs: only one does, and so does only one run of its flow.
    """
    del cycle_id
    api = settings().prefect_api_url
    if api is None:
        return ()
    try:
        with httpx.Client(base_url=api, timeout=PATIENCE_S, trust_env=False) as client:
            runs = _filter(client, "flow_runs", **_RUNNING)
            tasks = _filter(client, "task_runs", **_of_run(runs[0]["id"])) if runs else []
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return ()  # the ledger's heartbeat is shown instead
    named = [(str(task.get("name", "")).rsplit("-", 1)[0], task) for task in tasks]
    return [_step(STEPS[name], task) for name, task in named if name in STEPS]


_RUNNING: dict[str, Any] = {
    "flows": {"name": {"any_": list(FLOWS)}},
    "flow_runs": {"state": {"type": {"any_": ["RUNNING"]}}},
    "sort": "START_TIME_DESC",
    "limit": 1,
}


def _of_run(run_id: str) -> dict[str, Any]:
    return {"flow_runs": {"id": {"any_": [run_id]}}, "sort": "EXPECTED_START_TIME_ASC"}


def _filter(client: httpx.Client, kind: str, **body: Any) -> list[dict[str, Any]]:
    rows = client.post(f"/{kind}/filter", json=body).raise_for_status().json()
    return [row for row in rows if isinstance(row, dict)]


def _step(name: str, task: dict[str, Any]) -> CycleStep:
    began = task.get("start_time")
    return CycleStep(
        name,
        STATES.get(str(task.get("state_type")), "waits"),
        datetime.fromisoformat(str(began)) if began else None,
        float(task.get("total_run_time") or 0.0) or None,
    )
