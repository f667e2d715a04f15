"""Evidently's default preset on the same windows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.machine.telemetry import silence

if TYPE_CHECKING:
    from pandas import DataFrame


def preset_alarms(window: DataFrame, reference: DataFrame) -> bool:
    """Whether DataDriftPreset, as it comes, says that the data set has drifted."""
    silence()
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    columns = [c for c in window.columns if c in reference and window[c].nunique() > 1
               and reference[c].nunique() > 1]  # fmt: skip
    definition = DataDefinition(numerical_columns=columns)
    snapshot = Report([DataDriftPreset()]).run(
        Dataset.from_pandas(window[columns].reset_index(drop=True), data_definition=definition),
        Dataset.from_pandas(reference[columns].reset_index(drop=True), data_definition=definition),
    )
    first = snapshot.dict()["metrics"][0]  # DriftedColumnsCount
    return bool(first["value"]["share"] >= first["config"].get("drift_share", 0.5))
