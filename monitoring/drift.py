"""The drift check: does recent traffic still resemble the trials that the champion was judged on?

Effect sizes decide, not p-values, which depend on the size of the window. Each distance is a first
Wasserstein distance in standard deviations of the reference, over a window of a fixed size.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.params.drift import DriftParams
from monitoring.signals import SIGNALS, Kind, Signal, comparable
from monitoring.workspace import measure, save_snapshot

if TYPE_CHECKING:
    from pandas import DataFrame

FEATURE_SHARE = 0.3  # of the watched features that must have moved


class DriftStatus(StrEnum):
    """The result of a drift check."""

    OK = "ok"
    DRIFT = "drift"
    INSUFFICIENT = "insufficient"


@dataclass(frozen=True, slots=True)
class Distance:
    """How far one signal is from the reference."""

    signal: Signal
    value: float  # in standard deviations of the reference
    threshold: float

    @property
    def moved(self) -> bool:
        """Whether it is at or over its threshold."""
        return self.value >= self.threshold


@dataclass(frozen=True)
class DriftReport:
    """The drift check of one window; its status follows from its distances."""

    model_version: int
    rows: int
    params: DriftParams
    distances: tuple[Distance, ...] = ()
    snapshot: str | None = None  # id of the page in the Evidently workspace

    @property
    def moved_share(self) -> float:
        """The share of the acoustic features that moved."""
        features = [d.moved for d in self.distances if d.signal.kind is Kind.FEATURE]
        return sum(features) / len(features) if features else 0.0

    @property
    def reasons(self) -> tuple[str, ...]:
        """The reasons for drift, one sentence each; none if there is no drift."""
        single = tuple(
            f"{d.signal.name} is {d.value:.2f} standard deviations from the reference, "
            f"{d.threshold:g} is the limit"
            for d in self.distances
            if d.moved and d.signal.kind is not Kind.FEATURE
        )
        if not self.moved_share or self.moved_share < FEATURE_SHARE:
            return single
        moved = [d.signal.name for d in self.distances if d.moved and d.signal.kind is Kind.FEATURE]
        return (
            *single,
            f"{self.moved_share:.0%} of the acoustic features moved ({', '.join(moved)}), "
            f"{FEATURE_SHARE:.0%} is the limit",
        )

    @property
    def status(self) -> DriftStatus:
        """`insufficient` with less than a full window, then `drift` if there is a reason."""
        if self.rows < self.params.window or not self.distances:
            return DriftStatus.INSUFFICIENT
        return DriftStatus.DRIFT if self.reasons else DriftStatus.OK

    def to_json(self) -> dict[str, Any]:
        """The document for the database and `--json`."""
        return {
            "status": self.status.value,
            "model_version": self.model_version,
            "rows": self.rows,
            "window": self.params.window,
            "reasons": list(self.reasons),
            "moved_share": self.moved_share,
            "feature_share": FEATURE_SHARE,
            "columns": {
                d.signal.name: {
                    "kind": d.signal.kind.value,
                    "distance": d.value,
                    "threshold": d.threshold,
                    "moved": d.moved,
                }
                for d in self.distances
            },
            "snapshot": self.snapshot,
        }


def check_drift(
    current: DataFrame,
    reference: DataFrame,
    params: DriftParams,
    *,
    model_version: int,
    workspace: Path | None = None,
) -> DriftReport:
    """Compare the last `params.window` rows with the reference.

    With a workspace folder, the page is saved there. Fewer rows are not compared, because a small
    window is far from any reference.
    """
    if len(current) < params.window:
        return DriftReport(model_version, len(current), params)
    window, expected = comparable(current.tail(params.window), reference, params)
    signals = [signal for signal in SIGNALS if signal.name in window]
    thresholds = {signal.name: signal.threshold(params) for signal in signals}
    if not signals:
        return DriftReport(model_version, params.window, params)
    snapshot, values = measure(window, expected, thresholds, model_version)
    distances = tuple(
        Distance(signal, values[signal.name], thresholds[signal.name])
        for signal in signals
        if math.isfinite(values[signal.name])
    )
    page = save_snapshot(workspace, snapshot) if workspace else None
    return DriftReport(model_version, params.window, params, distances, page)
