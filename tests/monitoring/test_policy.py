"""When a cycle is asked for."""

from __future__ import annotations

from models.params.drift import DriftParams
from models.params.retraining import RetrainingParams
from monitoring.drift import Distance, DriftReport
from monitoring.policy import should_retrain
from monitoring.signals import SIGNALS

PARAMS = RetrainingParams(min_new_labels=20)


def report(score_distance: float, rows: int = 200) -> DriftReport:
    """A look at which only the scores were measured."""
    distance = Distance(SIGNALS[0], score_distance, 0.5)
    return DriftReport(1, rows, DriftParams(window=200), (distance,))


def test_drift_asks_for_a_cycle_and_says_how_far() -> None:
    reason = should_retrain(report(0.81), 0, PARAMS)

    assert reason is not None and reason.trigger == "drift"
    assert reason.reason == (
        "cm_score is 0.81 standard deviations from the reference, 0.5 is the limit"
    )


def test_quiet_traffic_asks_for_nothing() -> None:
    assert should_retrain(report(0.1), 19, PARAMS) is None


def test_too_little_traffic_is_not_drift() -> None:
    assert should_retrain(report(9.0, rows=199), 0, PARAMS) is None


def test_enough_new_labels_ask_for_a_cycle() -> None:
    reason = should_retrain(report(0.1), 20, PARAMS)

    assert reason is not None and reason.trigger == "labels"
    assert reason.reason == "20 new labels were accepted, 20 are enough"


def test_labels_count_where_no_traffic_was_looked_at() -> None:
    assert should_retrain(None, 20, PARAMS) is not None
    assert should_retrain(None, 0, PARAMS) is None


def test_drift_is_named_before_labels() -> None:
    reason = should_retrain(report(0.81), 50, PARAMS)

    assert reason is not None and reason.trigger == "drift"
