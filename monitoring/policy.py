"""What follows from a drift check and the new labels: a cycle, a request for labels, or nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Literal

from infra.past_cycles import LABELS_WANTED, PastCycle
from models.params.retraining import RetrainingParams
from monitoring.drift import DriftReport, DriftStatus

LONGEST_PAUSE = 32  # times the cool-down: it doubles five times
_RESETS = frozenset({"manual", "forced", "labels"})
_FRUITLESS = ("rejected", "unchanged", LABELS_WANTED)


@dataclass(frozen=True, slots=True)
class RetrainingReason:
    """The trigger of a cycle, and its reason as a sentence."""

    trigger: Literal["drift", "labels"]
    reason: str


@dataclass(frozen=True, slots=True)
class LabelsWanted:
    """Drift, and no label to learn from: people are asked."""

    reason: str
    pause_h: float  # before drift is acted on again


@dataclass(frozen=True, slots=True)
class Pause:
    """Drift that is not acted on before a time."""

    until: datetime


def next_step(
    report: DriftReport | None,
    new_labels: int,
    past: Sequence[PastCycle],
    now: datetime,
    params: RetrainingParams,
) -> RetrainingReason | LabelsWanted | Pause | None:
    """What a look at the traffic leads to; None: nothing.

    `new_labels` is the number of accepted field samples that are in no dataset version yet, `past`
    the ended cycles and requests for labels, newest first. Enough new labels lead to a cycle at
    once. With fewer, drift is acted on once in a cool-down, which doubles while that leads to
    nothing: by a cycle if there is a new label, else by a request for labels.
    """
    enough = new_labels >= params.min_new_labels
    if report is None or report.status is not DriftStatus.DRIFT:
        return RetrainingReason("labels", _enough(new_labels, params)) if enough else None
    reason = "; ".join(report.reasons)
    if enough:
        trigger: Literal["drift", "labels"] = "labels" if params.fast else "drift"
        return RetrainingReason(trigger, f"{reason}; {_enough(new_labels, params)}")
    acted = list(_acts_on_drift(past))
    if acted and now < (until := acted[0].ended_at + _pause(len(acted), params)):
        return Pause(until)
    if new_labels:
        return RetrainingReason("drift", reason)
    return LabelsWanted(reason, _pause(len(acted) + 1, params).total_seconds() / 3600)


def _acts_on_drift(past: Sequence[PastCycle]) -> Iterator[PastCycle]:
    """What drift led to in vain since a cycle changed something, or was asked for otherwise."""
    since = takewhile(lambda cycle: not _resets(cycle), past)
    return (cycle for cycle in since if "drift" in cycle.triggers and cycle.outcome in _FRUITLESS)


def _resets(cycle: PastCycle) -> bool:
    return bool(cycle.triggers & _RESETS) or cycle.outcome in ("promoted", "shadow")


def _pause(acts: int, params: RetrainingParams) -> timedelta:
    return timedelta(hours=params.cool_down_h * min(1 << (acts - 1), LONGEST_PAUSE))


def _enough(new_labels: int, params: RetrainingParams) -> str:
    return f"{new_labels} new labels were accepted, {params.min_new_labels} are enough"
