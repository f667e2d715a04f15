"""Live error rates of each version, from the calls that the audit drew and reviewers labelled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Engine

from infra.review.audit_draws import AuditedCall, audited_calls
from infra.review.sample_states import LABELS, OPEN, SampleState
from models.evaluation.live_rates import LiveRates, LiveTrial, live_rates

CONFIDENCE = 0.95
RESAMPLES = 1000
_SEED = 2026  # of the bootstrap: the same labels give the same interval


@dataclass(frozen=True)
class AuditReport:
    """What the audit knows of one version."""

    version: int
    drawn: int
    without_recording: int  # the estimate says nothing of such calls
    waiting: int  # for reviewers
    unusable: int  # or unsure, or erased: the estimate takes them for calls like the others
    labelled: int
    rates: LiveRates

    @property
    def sentence(self) -> str:
        """What the estimate does not cover."""
        return (
            f"{self.labelled} of {self.drawn} drawn calls are labelled, {self.waiting} wait, "
            f"{self.unusable} have no label for good, {self.without_recording} had no recording"
        )


def audit_reports(database: Engine, version: int | None = None) -> list[AuditReport]:
    """The report of each version that the audit drew from, or of one, newest first."""
    by_version: dict[int, list[AuditedCall]] = {}
    for call in audited_calls(database, version):
        by_version.setdefault(call.model_version, []).append(call)
    return [_report(number, by_version[number]) for number in sorted(by_version)[::-1]]


def _report(version: int, calls: Sequence[AuditedCall]) -> AuditReport:
    labelled = [call for call in calls if _is_labelled(call)]
    trials = [
        LiveTrial(
            cm_score=call.cm_score,
            accepted=call.verdict == "bonafide",
            bonafide=call.label == "bonafide",
            probability=call.probability,
            cluster=call.cluster,
        )
        for call in labelled
    ]
    waiting = sum(call.state in OPEN for call in calls)
    lost = sum(not call.kept for call in calls)
    return AuditReport(
        version=version,
        drawn=len(calls),
        without_recording=lost,
        waiting=waiting,
        unusable=len(calls) - len(labelled) - waiting - lost,
        labelled=len(labelled),
        rates=live_rates(trials, CONFIDENCE, RESAMPLES, _SEED),
    )


def _is_labelled(call: AuditedCall) -> bool:
    return call.state == SampleState.ACCEPTED and call.label in LABELS
