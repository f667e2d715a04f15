"""The drift check: does recent traffic still resemble the trials that the champion was judged on?

The last window is compared with the reference, signal by signal. Limits come from windows of
stable traffic (`monitoring.limits`); drift is one signal that is over its limit in several windows
in a row, so that one odd window is only watched.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.params.drift import DriftParams
from monitoring.exemplars import exemplars
from monitoring.findings import Kind, SignalFinding, kinds_of, sentences
from monitoring.limits import Limits, StableTraffic
from monitoring.prepared import Measured
from monitoring.signals import BY_NAME, SPOOF_SHARE, SignalGroup

if TYPE_CHECKING:
    from pandas import DataFrame

FEWEST_WEIGHTED = 50  # rows of a reference that is weighted to another share of spoofs


class DriftStatus(StrEnum):
    """The result of a drift check."""

    OK = "ok"
    WATCH = "watch"  # the last window is over a limit, and not yet enough in a row
    DRIFT = "drift"
    INSUFFICIENT = "insufficient"


@dataclass(frozen=True)
class DriftReport:
    """The drift check of one window; its status follows from its findings."""

    model_version: int
    rows: int  # of the last window
    params: DriftParams
    findings: tuple[SignalFinding, ...] = ()
    explained: bool = False  # by the share of spoofs, see `kinds_of`
    exemplars: tuple[dict[str, Any], ...] = ()
    false_alarms: dict[str, Any] | None = None
    snapshot: str | None = None  # id of the page in the Evidently workspace

    @property
    def moved(self) -> tuple[SignalFinding, ...]:
        """The signals that are over their limits in the last window.

        Under drift only those that are over them in every window that counts.
        """
        moved = tuple(finding for finding in self.findings if finding.moved)
        lasting = tuple(f for f in moved if f.in_a_row >= self.params.windows)
        return lasting or moved

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The kinds of drift."""
        return kinds_of(self.moved, self.explained)

    @property
    def reasons(self) -> tuple[str, ...]:
        """A sentence for each kind of drift; none if no signal is over its limit."""
        return sentences(self.moved, self.kinds)

    @property
    def status(self) -> DriftStatus:
        """`insufficient` with less than a full window, then by what moved and how long."""
        if self.rows < self.params.window or not self.findings:
            return DriftStatus.INSUFFICIENT
        longest = max((f.in_a_row for f in self.findings), default=0)
        if longest >= self.params.windows:
            return DriftStatus.DRIFT
        return DriftStatus.WATCH if longest else DriftStatus.OK

    def to_json(self) -> dict[str, Any]:
        """The document for the database and `--json`."""
        return {
            "status": self.status.value,
            "model_version": self.model_version,
            "rows": self.rows,
            "window": self.params.window,
            "windows": self.params.windows,
            "kinds": [kind.value for kind in self.kinds],
            "reasons": list(self.reasons),
            "signals": [finding.to_json() for finding in self.findings],
            "false_alarms": self.false_alarms,
            "exemplars": list(self.exemplars),
            "snapshot": self.snapshot,
        }


def check_drift(
    current: DataFrame,
    reference: DataFrame,
    params: DriftParams,
    *,
    model_version: int,
    workspace: Path | None = None,
    calibration: StableTraffic | None = None,
) -> DriftReport:
    """Compare the last `params.windows` windows of `params.window` rows with the reference.

    With a workspace folder, the page is saved there. Fewer rows than a window are not compared,
    because a small window is far from any reference.
    """
    if len(current) < params.window:
        return DriftReport(model_version, len(current), params)
    stable = calibration or StableTraffic.of(reference, params, _threshold(current))
    windows = last_windows(current, params)
    measured = [stable.reference.measure(window) for window in windows]  # newest first
    limits = stable.limits(measured[0])
    findings = _findings(measured, limits)
    report = DriftReport(
        model_version,
        params.window,
        params,
        findings,
        _explained(windows[0], stable, findings),
        tuple(exemplars(windows[0], findings, measured[0])),
        stable.to_json(limits),
    )
    return _with_page(report, workspace) if workspace and findings else report


def last_windows(current: DataFrame, params: DriftParams) -> list[DataFrame]:
    """The full windows at the end of the traffic, the newest first, at most `params.windows`."""
    count = min(params.windows, len(current) // params.window)
    ends = [len(current) - number * params.window for number in range(count)]
    return [current.iloc[end - params.window : end].reset_index(drop=True) for end in ends]


def _findings(windows: list[dict[str, Measured]], limits: Limits) -> tuple[SignalFinding, ...]:
    newest = windows[0]
    return tuple(
        SignalFinding(
            BY_NAME[name],
            newest[name].value,
            limit,
            newest[name].n,
            in_a_row([window.get(name) for window in windows], limit),
        )
        for name, limit in limits.values.items()
        if math.isfinite(newest[name].value)
    )


def in_a_row(values: list[Measured | None], limit: float) -> int:
    """In how many windows, from the newest back, a signal is over its limit."""
    count = 0
    for measured in values:
        if measured is None or not measured.value > limit:
            break
        count += 1
    return count


def _explained(
    window: DataFrame, stable: StableTraffic, findings: tuple[SignalFinding, ...]
) -> bool:
    """Whether the share of spoofs alone moved inputs and embeddings.

    They are measured again, against as many rows of the reference as have the window's share.
    """
    moved = {finding.signal.name for finding in findings if finding.moved}
    if SPOOF_SHARE.name not in moved:
        return False
    rows = stable.reference.rows_of_share(window)
    if rows is None or len(rows) < FEWEST_WEIGHTED:
        return False
    again = stable.reference.measure(window, rows)
    return not any(
        again[f.signal.name].value > f.threshold
        for f in findings
        if f.signal.group in (SignalGroup.INPUT, SignalGroup.EMBEDDING)
    )


def _threshold(current: DataFrame) -> float | None:
    """The operating threshold of the version that answered."""
    if "threshold" not in current or current["threshold"].isna().all():
        return None
    return float(current["threshold"].median())


def _with_page(report: DriftReport, workspace: Path) -> DriftReport:
    from monitoring.workspace import save_report

    return replace(report, snapshot=save_report(workspace, report))
