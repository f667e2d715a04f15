"""The steps of the monitoring flow."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any, Literal

from prefect import task
from pydantic import BaseModel, ConfigDict

from flows.cycle import Champion
from flows.places import engine
from infra import ledger
from infra.field_samples import new_labels
from infra.settings import settings
from infra.tables import DriftCheck
from models.params.drift import DriftParams
from models.params.retraining import RetrainingParams
from monitoring.drift import DriftReport, check_drift
from monitoring.policy import should_retrain
from monitoring.reference import read_reference
from monitoring.score_window import read_window

log = logging.getLogger("antiphon.monitor")


class MonitoringResult(BaseModel):
    """What one look at the traffic said and did."""

    model_config = ConfigDict(frozen=True, protected_namespaces=())

    status: Literal["ok", "drift", "insufficient", "no champion"]
    requested: str | None = None  # why a cycle was asked for
    report: dict[str, Any] | None = None


@task
def check(champion: Champion, params: DriftParams) -> DriftReport:
    """The last window of the champion's traffic against its reference, as a page and as numbers.

    Traffic from before the last cycle is left out: it has led to a cycle already.
    """
    here = settings()
    last = ledger.recent_cycles(engine(), limit=1)
    window = read_window(
        engine(), champion.version, params.window, after=last[0].started_at if last else None
    )
    report = check_drift(
        window,
        read_reference(champion.folder),
        params,
        model_version=champion.version,
        workspace=here.state_dir / "evidently",
    )
    log.info("drift: %s %s", report.status, "; ".join(report.reasons))
    return report


@task
def ask_for_cycle(report: DriftReport | None, params: RetrainingParams) -> tuple[int, str] | None:
    """Put a request in the ledger if there is a reason, unless one like it waits already."""
    database = engine()
    reason = should_retrain(report, len(new_labels(database)), params)
    if reason is None:
        return None
    if any(waiting.trigger == reason.trigger for waiting in ledger.waiting_requests(database)):
        return None
    request = ledger.request_cycle(database, reason.trigger, reason.reason)
    log.info("cycle requested: %s", reason.reason)
    return request, reason.reason


@task
def keep(report: DriftReport | None, request: tuple[int, str] | None) -> MonitoringResult:
    """One row in the table of drift checks."""
    if report is None:
        return MonitoringResult(status="no champion", requested=request and request[1])
    document = report.to_json()
    check = DriftCheck(
        checked_at=datetime.now(UTC),
        model_version=report.model_version,
        status=report.status.value,
        report=document,
        cycle_request_id=request and request[0],
    )
    ledger.write_drift_check(engine(), check)
    return MonitoringResult(
        status=report.status.value, requested=request and request[1], report=document
    )


@task
def start_waiting_cycle() -> None:
    """Let the Prefect server start a cycle where requests wait and none runs.

    Where no server is set, `antiphon retrain` takes what waits.
    """
    database = engine()
    ledger.close_dead_cycles(database, settings().lease_s)
    if not ledger.waiting_requests(database) or ledger.running_cycle(database):
        return
    if settings().prefect_api_url is None:
        log.info("a cycle request is waiting; `antiphon retrain` runs it")
        return
    from prefect.deployments import run_deployment
    from prefect.exceptions import ObjectNotFound

    try:
        run_deployment("retraining-cycle/default", parameters={"request": None}, timeout=0)
    except ObjectNotFound:
        log.warning(
            "Prefect at %s has no deployment retraining-cycle/default (antiphon up and a work pool "
            "have it): a cycle request is waiting; `antiphon retrain` runs it",
            settings().prefect_api_url,
        )
