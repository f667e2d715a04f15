"""One event that a person should know of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class AlertKind(StrEnum):
    """What happened; docs/alerts.md says what to do about each. Receivers match these names."""

    DRIFT_BEGAN = "drift.began"
    DRIFT_ENDED = "drift.ended"
    LABELS_WANTED = "labels.wanted"
    CYCLE_FAILED = "cycle.failed"
    APPROVAL_WANTED = "approval.wanted"
    PROMOTED = "champion.promoted"
    ROLLED_BACK = "champion.rolled_back"
    MOVED = "champion.moved"  # past antiphon
    REFUSED = "endpoint.refused"
    BUDGET_SPENT = "budget.spent"
    SILENT = "checks.silent"
    TEST = "alerts.test"


SEVERITY = {
    AlertKind.DRIFT_BEGAN: "warning",
    AlertKind.LABELS_WANTED: "warning",
    AlertKind.CYCLE_FAILED: "warning",
    AlertKind.APPROVAL_WANTED: "warning",
    AlertKind.ROLLED_BACK: "warning",
    AlertKind.MOVED: "warning",
    AlertKind.BUDGET_SPENT: "warning",
    AlertKind.REFUSED: "critical",
    AlertKind.SILENT: "critical",
}  # others: info


@dataclass(frozen=True)
class Alert:
    """An event; two with the same key are one."""

    key: str  # at most 200 characters
    kind: AlertKind
    title: str
    detail: str
    happened_at: datetime

    @property
    def severity(self) -> str:
        """`critical`, `warning` or `info`."""
        return SEVERITY.get(self.kind, "info")
