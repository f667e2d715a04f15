"""What the Prefect server knows: the two flows, their schedules and limits."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flows.monitor import monitoring_check
from flows.retrain import retraining_cycle
from infra.settings import settings
from infra.telemetry import silence


def deployments() -> list[Any]:
    """The deployments, for `serve` on one machine; infra/prefect.yaml is their work pool form."""
    here = settings()
    return [
        retraining_cycle.to_deployment(
            "default",
            description="New trials in, at most one new champion out.",
            parameters={"request": {"trigger": "schedule", "reason": "the schedule says so"}},
            cron=here.retraining_cron,
            concurrency_limit=1,
        ),
        monitoring_check.to_deployment(
            "default",
            description="Look at the last window of traffic; ask for a cycle if needed.",
            interval=timedelta(minutes=here.monitoring_interval_min),
            concurrency_limit=1,
        ),
    ]


def main() -> None:
    """Register the deployments and run what is due, until stopped."""
    silence()
    from prefect import serve

    serve(*deployments())


if __name__ == "__main__":
    main()
