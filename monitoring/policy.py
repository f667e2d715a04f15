"""When to ask for a retraining cycle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from models.params.retraining import RetrainingParams
from monitoring.drift import DriftReport, DriftStatus


@dataclass(frozen=True, slots=True)
class RetrainingReason:
    """What asks for a cycle, and the sentence that says why."""

    trigger: Literal["drift", "labels"]
    reason: str


def should_retrain(
    report: DriftReport | None, new_labels: int, params: RetrainingParams
) -> RetrainingReason | None:
    """A reason for a cycle, or None.

    `new_labels` counts accepted field samples that no dataset version holds yet. Drift goes first:
    it says more about why.
    """
    if report is not None and report.status is DriftStatus.DRIFT:
        return RetrainingReason("drift", "; ".join(report.reasons))
    if new_labels >= params.min_new_labels:
        return RetrainingReason(
            "labels", f"{new_labels} new labels were accepted, {params.min_new_labels} are enough"
        )
    return None
