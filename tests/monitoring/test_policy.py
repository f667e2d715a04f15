"""When a cycle is asked for, and when people are."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from infra.past_cycles import LABELS_WANTED, PastCycle
from models.params.drift import DriftParams
from models.params.retraining import RetrainingParams
from monitoring.drift import DriftReport, DriftStatus
from monitoring.findings import SignalFinding
from monitoring.policy import LONGEST_PAUSE, LabelsWanted, Pause, RetrainingReason, next_step
from monitoring.signals import BY_NAME

PARAMS = RetrainingParams(min_new_labels=20, cool_down_h=24.0)
NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
DRIFT_REASON = (
    "score drift: verdicts moved, inputs and embeddings did not; reviewed labels would tell "
    "concept drift from label drift: cm_score 0.81 standard deviations, limit 0.50, 200 requests"
)


def report(score_distance: float, rows: int = 200, windows: int = 2) -> DriftReport:
    """A look at which only the scores were measured."""
    in_a_row = windows if score_distance > 0.5 else 0
    finding = SignalFinding(BY_NAME["cm_score"], score_distance, 0.5, 200, in_a_row)
    return DriftReport(1, rows, DriftParams(window=200), (finding,))


def past(outcome: str, hours_ago: float, *triggers: str) -> PastCycle:
    return PastCycle(
        frozenset(triggers or ("drift",)), outcome, NOW - timedelta(hours=hours_ago)
    )  # fmt: skip


def step(
    labels: int, *cycles: PastCycle, shift: float = 0.81
) -> RetrainingReason | LabelsWanted | Pause | None:
    return next_step(report(shift), labels, cycles, NOW, PARAMS)


def test_drift_with_a_new_label_asks_for_a_cycle_and_says_how_far() -> None:
    assert step(1) == RetrainingReason("drift", DRIFT_REASON)


def test_drift_without_a_new_label_asks_people_instead() -> None:
    assert step(0) == LabelsWanted(DRIFT_REASON, pause_h=24.0)


def test_people_are_not_asked_again_before_the_cool_down_is_over() -> None:
    asked_before = past(LABELS_WANTED, 23.9)
    assert step(0, asked_before) == Pause(NOW + timedelta(hours=0.1))
    assert step(0, past(LABELS_WANTED, 24.0)) == LabelsWanted(DRIFT_REASON, pause_h=48.0)


def test_a_few_labels_wait_until_the_cool_down_is_over_and_enough_do_not() -> None:
    rejected = past("rejected", 1.0)
    assert isinstance(step(19, rejected), Pause)
    assert step(19, past("rejected", 25.0)) == RetrainingReason("drift", DRIFT_REASON)
    now = step(20, rejected)
    assert isinstance(now, RetrainingReason) and now.trigger == "labels"
    assert now.reason == f"{DRIFT_REASON}; 20 new labels were accepted, 20 are enough"


def test_drift_with_enough_labels_is_a_full_cycles_where_fast_ones_are_not_wanted() -> None:
    full = replace(PARAMS, fast=False)
    now = next_step(report(0.81), 20, (), NOW, full)
    assert isinstance(now, RetrainingReason) and now.trigger == "drift"


def test_the_cool_down_doubles_while_drift_leads_to_nothing_up_to_a_limit() -> None:
    fruitless = [past("rejected", 1.0), past("unchanged", 30.0), past(LABELS_WANTED, 90.0)]
    assert step(0, *fruitless) == Pause(fruitless[0].ended_at + timedelta(hours=4 * 24))
    many = [past("rejected", hours) for hours in range(1, 40)]
    assert step(0, *many) == Pause(many[0].ended_at + timedelta(hours=LONGEST_PAUSE * 24))


@pytest.mark.parametrize(
    "reset",
    [
        past("promoted", 0.2),
        past("shadow", 0.2),
        past("rejected", 0.2, "manual"),
        past("unchanged", 0.2, "forced"),
        past("rejected", 0.2, "labels"),
    ],
)
def test_a_gain_a_person_a_forced_schedule_and_enough_labels_reset_it(reset: PastCycle) -> None:
    earlier = [past("rejected", 0.5), past("rejected", 0.7)]
    assert isinstance(step(1, *earlier), Pause)
    assert step(1, reset, *earlier) == RetrainingReason("drift", DRIFT_REASON)


def test_cycles_that_drift_did_not_ask_for_and_failures_neither_lengthen_nor_reset_it() -> None:
    others = [past("unchanged", 1.0, "schedule"), past("failed", 2.0)]
    assert step(1, *others) == RetrainingReason("drift", DRIFT_REASON)
    rejected = past("rejected", 3.0)
    assert step(1, *others, rejected) == Pause(rejected.ended_at + timedelta(hours=24))


def test_quiet_traffic_asks_for_nothing() -> None:
    assert step(19, shift=0.1) is None


def test_one_window_over_a_limit_asks_for_nothing() -> None:
    watched = report(0.81, windows=1)
    assert watched.status is DriftStatus.WATCH
    assert next_step(watched, 1, (), NOW, PARAMS) is None


def test_too_little_traffic_is_not_drift() -> None:
    assert next_step(report(9.0, rows=199), 0, (), NOW, PARAMS) is None


def test_enough_new_labels_ask_for_a_cycle_whatever_the_cool_down() -> None:
    reason = step(20, past("rejected", 1.0), shift=0.1)
    assert reason == RetrainingReason("labels", "20 new labels were accepted, 20 are enough")


def test_labels_count_where_no_traffic_was_looked_at() -> None:
    assert isinstance(next_step(None, 20, (), NOW, PARAMS), RetrainingReason)
    assert next_step(None, 0, (), NOW, PARAMS) is None
