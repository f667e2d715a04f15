"""Evidently: computes the distances, and writes the folder that `evidently ui --workspace` shows.

Evidently takes several seconds to import, so functions import it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infra.machine.telemetry import silence
from models.audio.acoustics import ACOUSTICS

if TYPE_CHECKING:
    from pandas import DataFrame

PROJECT = "antiphon"


def measure(
    window: DataFrame, reference: DataFrame, thresholds: Mapping[str, float], model_version: int
) -> tuple[Any, dict[str, float]]:
    """Run the report on the columns in `thresholds`; the snapshot and the distances.

    A distance is Evidently's Wasserstein distance in standard deviations of the reference. The
    embedding distance is computed for each row before and averaged here.
    """
    silence()
    from evidently import DataDefinition, Dataset, Report
    from evidently.metrics import MeanValue, ValueDrift
    from evidently.tests import lt

    metrics = {
        name: MeanValue(column=name, tests=[lt(threshold)])
        if name == "embedding_distance"
        else ValueDrift(column=name, method="wasserstein", threshold=threshold)
        for name, threshold in thresholds.items()
    }
    definition = DataDefinition(numerical_columns=list(thresholds))
    report = Report(
        list(metrics.values()), metadata={"model_version": str(model_version)}, include_tests=True
    )
    snapshot = report.run(
        Dataset.from_pandas(window, data_definition=definition),
        Dataset.from_pandas(reference, data_definition=definition),
        name=f"version {model_version}",
    )
    values = {m["config"]["column"]: float(m["value"]) for m in snapshot.dict()["metrics"]}
    return snapshot, values


def save_snapshot(folder: Path, snapshot: Any) -> str:
    """Add a page to the workspace, which is created if new; returns the page's id."""
    silence()
    from evidently.ui.workspace import Workspace

    folder.mkdir(parents=True, exist_ok=True)
    workspace = Workspace.create(str(folder))
    projects = [p for p in workspace.search_project(PROJECT) if p.name == PROJECT]
    project = projects[0] if projects else _new_project(workspace)
    return str(workspace.add_run(project.id, snapshot, include_data=False).id)


def _new_project(workspace: Any) -> Any:
    project = workspace.create_project(
        PROJECT, description="The champion's traffic and scores, compared with its reference."
    )
    for panel in _panels():
        project.dashboard.add_panel(panel)
    return project


def _panels() -> list[Any]:
    from evidently.sdk.models import PanelMetric
    from evidently.sdk.panels import line_plot_panel

    def drift(column: str) -> Any:
        labels = {"column": column}
        return PanelMetric(legend=column, metric="ValueDrift", metric_labels=labels)

    embedding = PanelMetric(
        legend="embedding",
        metric="MeanValue",
        metric_labels={"column": "embedding_distance"},
    )
    unit = "Wasserstein distance, in standard deviations of the reference"
    return [
        line_plot_panel("Scores", [drift("cm_score")], unit, size="half"),
        line_plot_panel("Embeddings", [embedding], f"Sliced {unit}", size="half"),
        line_plot_panel("Acoustics", [drift(name) for name in ACOUSTICS], unit),
    ]
