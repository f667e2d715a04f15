"""What the Prefect server knows: the four flows, their schedules and limits."""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress
from datetime import timedelta
from typing import Any

import httpx
from prefect.types.entrypoint import EntrypointType

from flows.adapt import fast_cycle
from flows.monitor import monitoring_check
from flows.retrain import retraining_cycle
from flows.shadow import shadow_watch
from infra.errors import SettingsError, UnreachableError
from infra.machine.proxies import bypass_proxies
from infra.machine.telemetry import silence
from infra.settings import settings

# as a file, its folder would come first on the path of every flow, and of what flows start
BY_MODULE = EntrypointType.MODULE_PATH
PATIENCE_S = 180.0
POLL_S = 0.5


def deployments() -> list[Any]:
    """The deployments, for `serve` on one machine; infra/prefect.yaml is their work pool form."""
    here = settings()
    trigger = "forced" if here.retraining_force else "schedule"
    return [
        retraining_cycle.to_deployment(
            "default",
            entrypoint_type=BY_MODULE,
            description="New trials in, at most one new champion out.",
            parameters={"request": {"trigger": trigger, "reason": "the regular schedule"}},
            cron=here.retraining_cron,
            concurrency_limit=1,
        ),
        fast_cycle.to_deployment(
            "default",
            entrypoint_type=BY_MODULE,
            description="New labels in, a champion with another last layer out, if it is better.",
            concurrency_limit=1,
        ),
        monitoring_check.to_deployment(
            "default",
            entrypoint_type=BY_MODULE,
            description="Check the last window of traffic for drift; request a cycle if needed.",
            interval=timedelta(minutes=here.monitoring_interval_min),
            concurrency_limit=1,
        ),
        shadow_watch.to_deployment(
            "default",
            entrypoint_type=BY_MODULE,
            description="Evaluate the version in shadow; promote or drop it once that is decided.",
            interval=timedelta(minutes=here.monitoring_interval_min),
            concurrency_limit=1,
        ),
    ]


def main() -> None:
    """Register the deployments once the server answers, and run what is due, until stopped."""
    silence()
    bypass_proxies(settings())
    address = os.environ.get("PREFECT_API_URL")
    if address:
        wait_for_server(address)
    from prefect import serve

    serve(*deployments())


def wait_for_server(address: str, patience_s: float = PATIENCE_S) -> None:
    """Return once a Prefect API answers, as it starts beside us; raises UnreachableError."""
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        with suppress(httpx.TransportError):
            if httpx.get(f"{address}/health", timeout=5.0).status_code == httpx.codes.OK:
                return
        time.sleep(POLL_S)
    raise UnreachableError(f"Prefect does not answer at {address} after {patience_s:g} s")


if __name__ == "__main__":
    try:
        main()
    except (SettingsError, UnreachableError) as failure:
        sys.exit(f"{failure}")
