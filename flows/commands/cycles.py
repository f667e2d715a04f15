"""`antiphon retrain`, `monitor` and `cycles`: run a cycle or a drift check, list past cycles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from flows.commands.shared_options import AsJson
from flows.screen import Screen, lines, print_json, print_model

if TYPE_CHECKING:
    from infra.tables import Cycle, CycleRequestRow

_out = Screen()


def retrain(
    reason: Annotated[str, typer.Option(help="The reason, for the ledger.")] = "requested by hand",
    as_json: AsJson = False,
) -> None:
    """Run one retraining cycle here, for all waiting requests. Exit 1: not promoted."""
    from flows.servers.embedded_prefect import use_prefect

    use_prefect()
    from flows.cycle import CycleRequest
    from flows.retrain import retraining_cycle

    outcome = retraining_cycle(CycleRequest(trigger="manual", reason=reason))
    if as_json:
        print_model(outcome)
    else:
        _out.print(f"{outcome.outcome}: {outcome.reason}")
        if outcome.rollout:
            _out.print(outcome.rollout)
    if outcome.outcome != "promoted":
        raise typer.Exit(1)


def monitor(as_json: AsJson = False) -> None:
    """Check the last window of traffic for drift now. Exit 1: drift."""
    from flows.servers.embedded_prefect import use_prefect

    use_prefect()
    from flows.monitor import monitoring_check

    result = monitoring_check()
    if as_json:
        print_model(result)
    else:
        _out.print(result.status)
        for sentence in (result.report or {}).get("reasons", []):
            _out.print(f"  {sentence}")
        if result.requested:
            _out.print("a cycle was requested; `antiphon retrain` runs it")
    if result.status == "drift":
        raise typer.Exit(1)


def history(as_json: AsJson = False) -> None:
    """List the last cycles: who requested them, their outcome and the reason."""
    from flows.places import engine
    from infra.ledger import recent_cycles, requests_of

    cycles = recent_cycles(engine())
    requests = requests_of(engine(), cycles)
    if as_json:
        for cycle in cycles:
            print_json(_describe(cycle, requests[cycle.id]))
        return
    table = Table("started", "requested by", "outcome", "reason", "cycle")
    for cycle in cycles:
        reasons = lines(*(f"{request.trigger}: {request.reason}" for request in requests[cycle.id]))
        why = (cycle.summary or {}).get("reason", "")
        outcome = cycle.outcome or "running"
        table.add_row(f"{cycle.started_at:%Y-%m-%d %H:%M}", reasons, outcome, why, cycle.id[:8])
    _out.print(table)


def _describe(cycle: Cycle, requests: list[CycleRequestRow]) -> dict[str, Any]:
    return {
        "id": cycle.id,
        "started_at": cycle.started_at.isoformat(),
        "requests": [
            {"trigger": request.trigger, "reason": request.reason} for request in requests
        ],
        "outcome": cycle.outcome,
        "summary": cycle.summary,
    }
