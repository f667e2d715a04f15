"""`antiphon requests`: what asks for cycles, and what it waits for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from flows.commands.shared_options import AsJson
from flows.commands.tables import lines_table, one_line
from flows.screen import Screen, print_json

if TYPE_CHECKING:
    from infra.tables import Cycle, CycleRequestRow

_out = Screen()


def requests(as_json: AsJson = False) -> None:
    """List the requests for cycles that wait, and the last ones that a cycle took."""
    from flows.places import engine
    from infra.cycle_requests import last_taken, waiting_requests

    now = datetime.now(UTC)
    waiting = [(request, None) for request in waiting_requests(engine())]
    rows = [*waiting, *last_taken(engine())]
    if as_json:
        for request, cycle in rows:
            print_json(_describe(request, cycle, now))
        return
    table = lines_table("id", "age", "by", "times", "state", rest="reason")
    for request, cycle in rows:
        state = "waits" if cycle is None else f"{cycle.id[:8]} {cycle.outcome or 'running'}"
        age = _short(now - request.requested_at)
        trigger, times = request.trigger, str(request.times)
        table.add_row(
            str(request.id), age, trigger, times, one_line(state, 24), one_line(request.reason)
        )
    _out.print(table)
    for sentence in dict.fromkeys(waits_for(request.trigger, now) for request, _ in waiting):
        _out.print(f"Waits for {sentence}.")


def waits_for(trigger: str, now: datetime) -> str:
    """What keeps a waiting request by this trigger from becoming a cycle now."""
    from flows.alerting import retraining_params
    from flows.places import engine
    from infra.cycle_requests import waiting_requests
    from infra.ledger import running_cycle
    from infra.settings import settings
    from monitoring.budget import BY_PEOPLE, over_budget

    running = running_cycle(engine())
    if running is not None:
        age, signed = now - running.started_at, now - running.heartbeat_at
        lease = timedelta(seconds=settings().lease_s)
        dead = f", which gave no sign of life for {_short(signed)}" if signed > lease else ""
        return f"the end of cycle {running.id[:8]}, begun {_short(age)} ago{dead}"
    triggers = {trigger} | {r.trigger for r in waiting_requests(engine()) if r.trigger in BY_PEOPLE}
    over = over_budget(engine(), triggers, retraining_params(), now)
    if over is not None:
        return f"minutes: {over}"
    if settings().prefect_api_url is None:
        return "`antiphon retrain` (or `antiphon adapt`, which takes labels alone)"
    return "the next drift check, which lets Prefect start a cycle"


def _describe(request: CycleRequestRow, cycle: Cycle | None, now: datetime) -> dict[str, Any]:
    last = request.last_requested_at
    return {
        "id": request.id,
        "requested_at": request.requested_at.isoformat(),
        "last_requested_at": last.isoformat() if last else None,
        "age_s": round((now - request.requested_at).total_seconds()),
        "trigger": request.trigger,
        "cause": request.cause,
        "times": request.times,
        "reason": request.reason,
        "waits_for": waits_for(request.trigger, now) if cycle is None else None,
        "cycle": cycle.id if cycle else None,
        "outcome": (cycle.outcome or "running") if cycle else None,
    }


def _short(age: timedelta) -> str:
    """`40 s`, `12 min`, `5 h`, `3 d`."""
    seconds = age.total_seconds()
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"
