"""One look at the last window of traffic, and a cycle or labels asked for where needed."""

from __future__ import annotations

from prefect import flow

from flows import monitoring_tasks, tasks
from flows.alerting import telling
from flows.field.retention import forget_old_recordings
from flows.field.sampling import sample_traffic
from flows.monitoring_tasks import MonitoringResult
from flows.places import current_params
from flows.starting import start_waiting_cycle


@flow(name="monitoring-check")
@telling
def monitoring_check() -> MonitoringResult:
    """Compare what the champion hears with what it was judged on; request a cycle or labels."""
    params = current_params()
    champion = tasks.current_champion()
    report = monitoring_tasks.check(champion, params.drift) if champion else None
    response = monitoring_tasks.respond(report, params.retraining)
    result = monitoring_tasks.keep(report, response)
    sample_traffic(champion, params.review, monitoring_tasks.exemplars_of(report))
    start_waiting_cycle(champion, params.retraining)
    forget_old_recordings()
    return result
