"""One look at the last window of traffic, and a cycle asked for where it is needed."""

from __future__ import annotations

from prefect import flow

from flows import monitoring_tasks, tasks
from flows.field.retention import forget_old_recordings
from flows.monitoring_tasks import MonitoringResult
from flows.places import current_params


@flow(name="monitoring-check")
def monitoring_check() -> MonitoringResult:
    """Compare what the champion hears with what it was judged on; ask for a cycle if needed."""
    params = current_params()
    champion = tasks.current_champion()
    report = monitoring_tasks.check(champion, params.drift) if champion else None
    reason = monitoring_tasks.ask_for_cycle(report, params.retraining)
    result = monitoring_tasks.keep(report, reason)
    monitoring_tasks.start_waiting_cycle()
    forget_old_recordings()
    return result
