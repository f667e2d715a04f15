"""The steps of the monitoring flow."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from prefect import task
from pydantic import BaseModel, ConfigDict

from flows.cycle import Champion
from flows.places import engine
from infra import ledger, past_cycles
from infra.field_samples import OPEN, list_samples, new_labels
from infra.settings import settings
from infra.tables import DriftCheck
from models.params.drift import DriftParams
from models.params.retraining import RetrainingParams
from monitoring.drift import DriftReport, DriftStatus, check_drift
from monitoring.policy import LabelsWanted, Pause, next_step
from monitoring.reference import read_reference
from monitoring.score_window import read_window
from monitoring.window_begin import window_begin

log = logging.getLogger("antiphon.monitor")


class MonitoringResult(BaseModel):
    """What one look at the traffic said and did."""

    model_config = ConfigDict(frozen=True, protected_namespaces=())

    status: Literal["ok", "watch", "drift", "insufficient", "no champion"]
    requested: str | None = None  # why a cycle was asked for
    note: str | None = None  # what became of drift that asked for none
    report: dict[str, Any] | None = None


@task
def check(champion: Champion, params: DriftParams) -> DriftReport:
    """The last windows of the champion's traffic against its reference, as a page and as numbers.

    Traffic from before the last cycle or swap, or of an earlier release, is left out.
    """
    here = settings()
    rows, begin = params.window * params.windows, window_begin(engine(), champion.version)
    traffic = read_window(engine(), champion.version, rows, after=begin)
    report = check_drift(
        traffic,
        read_reference(champion.folder),
        params,
        model_version=champion.version,
        workspace=here.state_dir / "evidently",
    )
    log.info("drift: %s %s", report.status, "; ".join(report.reasons))
    return report


def exemplars_of(report: DriftReport | None) -> list[str]:
    """The requests that people should hear: those that moved a window over its limits most."""
    if report is None or report.status not in (DriftStatus.WATCH, DriftStatus.DRIFT):
        return []
    return [exemplar["request_id"] for exemplar in report.exemplars]


@dataclass(frozen=True)
class Response:
    """What a check led to."""

    request: int | None = None  # its row in the ledger
    cycle: str | None = None  # the reason of the cycle that it requested
    note: str | None = None  # what else it did, or why it did nothing


@task
def respond(report: DriftReport | None, params: RetrainingParams) -> Response:
    """Request a cycle or labels in the ledger if there is a reason, unless one like it waits."""
    database, now = engine(), datetime.now(UTC)
    past = past_cycles.past_cycles(database)
    step = next_step(report, len(new_labels(database)), past, now, params)
    if step is None:
        return Response()
    if isinstance(step, Pause):
        until = _hour(step.until)
        return Response(note=f"drift led to nothing before, and is not acted on before {until}")
    if isinstance(step, LabelsWanted):
        return _ask_for_labels(step, now)
    waits = any(waiting.trigger == step.trigger for waiting in ledger.waiting_requests(database))
    request = ledger.request_cycle(database, step.trigger, step.reason, cause=step.trigger)
    if waits:  # it is counted
        return Response()
    log.info("cycle requested: %s", step.reason)
    return Response(request, cycle=step.reason)


def _ask_for_labels(step: LabelsWanted, now: datetime) -> Response:
    database = engine()
    if any(waiting.trigger == "drift" for waiting in ledger.waiting_requests(database)):
        return Response()
    flagged = sum(len(list_samples(database, state)) for state in OPEN)
    note = (
        "labels are wanted: traffic has drifted and no new label was accepted; "
        f"{flagged} flagged calls wait for review (`antiphon review list`); drift is not acted on "
        f"again before {_hour(now + timedelta(hours=step.pause_h))} unless enough labels come"
    )
    summary = {"outcome": past_cycles.LABELS_WANTED, "reason": note}
    request = past_cycles.ask_for_labels(database, "drift", step.reason, summary)
    log.warning("%s (%s)", note, step.reason)
    return Response(request, note=note)


def _hour(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M} UTC"


@task
def keep(report: DriftReport | None, response: Response) -> MonitoringResult:
    """One row in the table of drift checks."""
    if report is None:
        return MonitoringResult(status="no champion", requested=response.cycle, note=response.note)
    document = report.to_json()
    check = DriftCheck(
        checked_at=datetime.now(UTC),
        model_version=report.model_version,
        status=report.status.value,
        report=document,
        cycle_request_id=response.request,
    )
    ledger.write_drift_check(engine(), check)
    return MonitoringResult(
        status=report.status.value,
        requested=response.cycle,
        note=response.note,
        report=document,
    )
