"""When to request a retraining cycle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from models.params.retraining import RetrainingParams
from monitoring.drift import DriftReport, DriftStatus


@dataclass(frozen=True, slots=True)
class RetrainingReason:
    """The trigger of a cycle, and its reason as a sentence."""

    trigger: Literal["drift", "labels"]
    reason: str


def should_retrain(
    report: DriftReport | None, new_labels: int, params: RetrainingParams
) -> RetrainingReason | None:
    """A reason for a cycle, or None.

    `new_labels` is the number of accepted field samples that are in no dataset version yet. Drift
    goes first, because its reason is more specific.
    """
    if report is not None and report.status is DriftStatus.DRIFT:
        return RetrainingReason("drift", "; ".join(report.reasons))
    if new_labels >= params.min_new_labels:
        return RetrainingReason(
            "labels", f"{new_labels} new labels were accepted, {params.min_new_labels} are enough"
        )
    return None
