"""The dashboard of the drift checks in Evidently: every signal against its limit."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from monitoring.signals import SIGNALS, Signal, SignalGroup

OVERVIEW, ONE_BY_ONE = "Overview", "Signals"
LINES = {
    SignalGroup.INPUT: "inputs",
    SignalGroup.SCORE: "scores",
    SignalGroup.EMBEDDING: "embeddings",
    SignalGroup.LABEL: "labels and verdicts",
}


def dashboard() -> Any:
    """Two tabs: the farthest signals, and each signal with its limit."""
    from evidently.sdk.models import DashboardModel, DashboardTabModel

    tabs = {OVERVIEW: list(_overview()), ONE_BY_ONE: [_one(signal) for signal in SIGNALS]}
    return DashboardModel(
        tabs=[
            DashboardTabModel(title=title, panels=[panel.id for panel in panels])
            for title, panels in tabs.items()
        ],
        panels=[panel for panels in tabs.values() for panel in panels],
    )


def _overview() -> Iterable[Any]:
    from evidently.sdk.panels import counter_panel, line_plot_panel

    farthest = [_mean(group.value, line) for group, line in LINES.items()]
    about = (
        "The signal of each group that is farthest from the reference, in shares of its limit: "
        "over 1 in one window is watched, in several in a row it is drift"
    )
    yield line_plot_panel("Drift", [*farthest, _mean("limit", "limit")], about)
    version = [_mean("version", "version of the champion")]
    yield counter_panel("Version at the last check", version, "Champion", size="half")
    yield line_plot_panel("Versions", version, "The champion at each check", size="half")


def _one(signal: Signal) -> Any:
    from evidently.sdk.panels import line_plot_panel

    lines = [_mean(signal.name, "value"), _mean(f"{signal.name} limit", "limit")]
    return line_plot_panel(signal.name, lines, signal.unit, size="half")


def _mean(column: str, legend: str) -> Any:
    from evidently.sdk.models import PanelMetric

    return PanelMetric(legend=legend, metric="MeanValue", metric_labels={"column": column})
