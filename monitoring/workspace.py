"""Evidently: the folder that `evidently ui --workspace` shows, with dashboards defined here.

The signals are computed by antiphon and handed over as columns whose mean is the signal, each with
a test against its limit. Evidently takes several seconds to import, so functions import it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from infra.machine.telemetry import silence
from monitoring.panels import dashboard
from monitoring.signals import SignalGroup

if TYPE_CHECKING:
    from pandas import DataFrame


PROJECT = "antiphon"
KEPT = 200  # pages of the newest checks, of 1 MB each; a week of hourly ones


def save_report(folder: Path, report: Any) -> str:
    """Add the page of a check, prune the oldest, renew the dashboard; returns the page's id."""
    silence()
    from evidently.ui.workspace import Workspace

    folder.mkdir(parents=True, exist_ok=True)
    workspace = Workspace.create(str(folder))
    project = _project(workspace)
    page = str(workspace.add_run(project.id, snapshot_of(report), include_data=False).id)
    pages = sorted(str(run) for run in workspace.list_runs(project.id))  # ids begin with the time
    for old in pages[:-KEPT]:
        workspace.delete_run(project.id, old)
    project.description = _description(report)
    project.save()
    wanted = dashboard()
    if _titles(project.dashboard.model()) != _titles(wanted):
        workspace.save_dashboard(project.id, wanted)
    return page


def snapshot_of(report: Any) -> Any:
    """The page: each signal with a test against its limit, and the version in its name."""
    from evidently import DataDefinition, Dataset, Report
    from evidently.metrics import MeanValue
    from evidently.tests import lte

    frame = _columns(report)
    limits = {finding.signal.name: finding.threshold for finding in report.findings}
    metrics = [
        MeanValue(column=name, tests=[lte(limits[name])] if name in limits else [])
        for name in frame.columns
    ]
    definition = DataDefinition(numerical_columns=list(frame.columns))
    facts = {"model_version": str(report.model_version), "status": report.status.value}
    tags = [f"version {report.model_version}", report.status.value]
    written = Report(metrics, metadata=dict(facts), tags=tags, include_tests=True)
    name = f"version {report.model_version}: {report.status.value}"
    return written.run(Dataset.from_pandas(frame, data_definition=definition), None, name=name)


def _columns(report: Any) -> DataFrame:
    """One row: every signal and its limit, the farthest of each group, and the version."""
    import pandas as pd

    row = {"version": float(report.model_version), "limit": 1.0}
    for group in SignalGroup:
        row[group.value] = max((f.of_limit for f in report.findings if f.signal.group is group),
                               default=0.0)  # fmt: skip
    for finding in report.findings:
        row[finding.signal.name] = finding.value
        row[f"{finding.signal.name} limit"] = finding.threshold
    return pd.DataFrame([row])


def _project(workspace: Any) -> Any:
    projects = [p for p in workspace.search_project(PROJECT) if p.name == PROJECT]
    return projects[0] if projects else workspace.create_project(PROJECT)


def _description(report: Any) -> str:
    rates = report.false_alarms or {}
    realised = rates.get("realised")
    held_out = "" if realised is None else f", {realised:.1%} on callers held out"
    return (
        f"Traffic of version {report.model_version} against its reference: {report.status.value}. "
        f"Windows of stable traffic over any limit: {rates.get('nominal', 0):.1%}{held_out}."
    )


def _titles(model: Any) -> list[tuple[str, list[str | None]]]:
    return [(panel.title, [value.legend for value in panel.values]) for panel in model.panels]
