"""What Prometheus is told of the loop: gauges read from the database at each scrape."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from statistics import median
from typing import Any, get_args

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from sqlalchemy import Engine, func, select

from infra.comparisons import histories
from infra.cycle_requests import waiting_requests
from infra.database import reading
from infra.ledger import Ended, recent_drift_checks, running_cycle
from infra.past_cycles import LABELS_WANTED, minutes_of_cycles
from infra.review.sample_states import OPEN, SampleState
from infra.swaps import serving_since, swaps
from infra.tables import AlertDelivery, Cycle, FieldSample
from models.params.tree import Params
from models.promotion import Budget
from monitoring.budget import training_budget

STATUSES = ("ok", "watch", "drift", "insufficient")
RECENT = timedelta(days=30)  # of the labels whose lag counts


def drift_gauges(engine: Engine) -> Iterator[Metric]:
    """The last drift check: its time, status, and each signal with its threshold."""
    checks = recent_drift_checks(engine, limit=1)
    if not checks:
        return
    (check,) = checks
    yield _gauge("drift_last_check_timestamp_seconds", "Time of the last drift check",
                 check.checked_at.timestamp())  # fmt: skip
    yield _gauge("drift_checked_version", "Version whose traffic was checked last",
                 check.model_version or 0)  # fmt: skip
    rows = check.report.get("rows", 0)
    yield _gauge("drift_window_requests", "Requests in the window that was checked last", rows)
    states = [((status,), float(check.status == status)) for status in STATUSES]
    yield _labelled("drift_status", "1 for the status of the last check", ["status"], states)
    signals = list(signals_of(check.report))
    for name, key, words in (
        ("drift_signal", "value", "Distance of each signal from the reference, in its own unit"),
        ("drift_signal_threshold", "threshold", "Value from which a signal counts as moved"),
        ("drift_signal_moved", "moved", "1: over its threshold in the last window"),
    ):
        values = [((s["name"], s["group"]), float(s[key])) for s in signals]
        yield _labelled(name, words, ["signal", "group"], values)


def signals_of(report: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The signals of a check's document, also of an older antiphon's."""
    yield from report.get("signals", ())
    for name, column in report.get("columns", {}).items():
        yield {**column, "name": name, "group": column["kind"], "value": column["distance"]}


def cycle_gauges(engine: Engine, params: Params, now: datetime) -> Iterator[Metric]:
    """Cycles by outcome, the running one, what waits, and minutes of the month."""
    outcomes = select(Cycle.outcome, func.count()).where(Cycle.outcome.is_not(None))
    with reading(engine) as transaction:
        ended = {
            name: count
            for name, count in transaction.execute(outcomes.group_by(Cycle.outcome)).all()
        }
    counter = CounterMetricFamily(
        "antiphon_loop_cycles", "Ended cycles and requests for labels", labels=["outcome"]
    )
    for outcome in (*get_args(Ended), LABELS_WANTED):  # from 0 on: the first one is an increase
        counter.add_metric([outcome], ended.get(outcome, 0))
    yield counter
    running = running_cycle(engine)
    age = _seconds(now, running.started_at) if running else 0.0
    silent = _seconds(now, running.heartbeat_at) if running else 0.0
    yield _gauge("loop_cycle_running_seconds", "Age of the running cycle; 0: none runs", age)
    yield _gauge("loop_cycle_silent_seconds", "Since its last sign of life", silent)
    waiting = waiting_requests(engine)
    triggers = [((t,), float(sum(r.trigger == t for r in waiting))) for t in _TRIGGERS]
    yield _labelled("loop_requests_waiting", "Requests that wait", ["trigger"], triggers)
    oldest = _seconds(now, waiting[0].requested_at) if waiting else 0.0
    yield _gauge("loop_oldest_request_seconds", "Age of the oldest waiting request", oldest)
    month = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    minutes = minutes_of_cycles(engine, month)
    yield _gauge("loop_training_minutes", "Minutes of cycles in this month, UTC", minutes)
    budget = training_budget(engine, params.retraining, now)
    if budget is not None:
        yield _gauge("loop_training_minutes_limit", "Minutes a month allows", budget.limit_min)


_TRIGGERS = ("drift", "schedule", "labels", "manual", "forced", "follow-up")


def version_gauges(engine: Engine, params: Params) -> Iterator[Metric]:
    """The champion by the audit log, and what is left of the error budgets."""
    champion = next((swap.version for swap in swaps(engine) if swap.version), None)
    yield _gauge("loop_champion_version", "Version that should answer; 0: none", champion or 0)
    since = serving_since(engine, champion) if champion is not None else None
    if since is not None:
        words = "Time at which it became the champion"
        yield _gauge("loop_champion_since_timestamp_seconds", words, since.timestamp())
    rules = params.promotion
    left = [
        ((name,), Budget(h.newest.version, h.spent, rules.direct_level, rules.error_budget).left)
        for name, h in histories(engine).items()
    ]
    yield _labelled("loop_error_budget_left", "Of an evaluation set", ["set"], left)


def label_gauges(engine: Engine, now: datetime) -> Iterator[Metric]:
    """Field samples by state, and how long people take."""
    states = select(FieldSample.state, func.count()).group_by(FieldSample.state)
    oldest = select(func.min(FieldSample.flagged_at)).where(FieldSample.state.in_(OPEN))
    judged = select(FieldSample.flagged_at, FieldSample.reviewed_at).where(
        FieldSample.reviewed_at >= now - RECENT
    )
    with reading(engine) as transaction:
        counts = {state: count for state, count in transaction.execute(states).all()}
        waits_since = transaction.scalar(oldest)
        lags = [_seconds(done, flag) for flag, done in transaction.execute(judged).all()]
    samples = [((state.value,), float(counts.get(state, 0))) for state in SampleState]
    yield _labelled("loop_field_samples", "Field samples", ["state"], samples)
    age = _seconds(now, waits_since) if waits_since else 0.0
    yield _gauge("loop_oldest_open_sample_seconds", "Age of the oldest undecided one", age)
    if lags:
        words = "Median from flag to label, of the last 30 days"
        yield _gauge("loop_label_lag_seconds", words, median(lags))


def alert_gauges(engine: Engine) -> Iterator[Metric]:
    """Deliveries of alerts that wait or were given up."""
    rows = select(AlertDelivery.sink, AlertDelivery.state, func.count())
    with reading(engine) as transaction:
        counts = transaction.execute(rows.group_by(AlertDelivery.sink, AlertDelivery.state)).all()
    values = [((sink, state), float(count)) for sink, state, count in counts]
    yield _labelled("loop_alert_deliveries", "Alerts, by sink", ["sink", "state"], values)


def _gauge(name: str, words: str, value: float) -> Metric:
    return GaugeMetricFamily(f"antiphon_{name}", words, value=value)


def _labelled(
    name: str, words: str, labels: list[str], values: Iterable[tuple[tuple[str, ...], float]]
) -> Metric:
    family = GaugeMetricFamily(f"antiphon_{name}", words, labels=labels)
    for names, value in values:
        family.add_metric(list(names), value)
    return family


def _seconds(later: datetime, earlier: datetime) -> float:
    return max((later - earlier).total_seconds(), 0.0)
