"""`antiphon retrain`, `monitor` and `cycles`: run a cycle or a drift check, list past cycles."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import Console
from rich.table import Table

from flows.commands.shared_options import NO, UNREACHABLE, AsJson, say

if TYPE_CHECKING:
    from infra.tables import Cycle, CycleRequestRow

_out = Console()


def retrain(
    reason: Annotated[str, typer.Option(help="The reason, for the ledger.")] = "requested by hand",
    force: Annotated[
        bool, typer.Option("--force", help="Run even if nothing has changed since a cycle.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Run one retraining cycle here, for all waiting requests.

    Exit 1: not promoted. Exit 3: the endpoint did not confirm the winner, a later check will.
    """
    from flows.servers.embedded_prefect import use_prefect

    use_prefect()
    from flows.cycle import CycleRequest
    from flows.retrain import retraining_cycle

    warn_of_silence()
    trigger: Literal["forced", "manual"] = "forced" if force else "manual"
    outcome = retraining_cycle(CycleRequest(trigger=trigger, reason=reason))
    if as_json:
        typer.echo(outcome.model_dump_json())
    else:
        _out.print(f"{outcome.outcome}: {outcome.reason}", highlight=False)
        if outcome.rollout:
            _out.print(outcome.rollout, highlight=False)
    if outcome.outcome != "promoted":
        raise typer.Exit(UNREACHABLE if outcome.outcome == "unconfirmed" else NO)


def warn_of_silence() -> None:
    """Say before the work that nobody would confirm a winner now."""
    from flows.rollout.rollout import silence_of_endpoint

    silent = silence_of_endpoint()
    if silent:
        say(
            f"the endpoint does not answer now ({silent}): until it does, a winner stays "
            "unconfirmed. Start it (antiphon up), or set ANTIPHON_ENDPOINT=none where there is none"
        )


def monitor(as_json: AsJson = False) -> None:
    """Check the last window of traffic for drift now. Exit 1: drift."""
    from flows.servers.embedded_prefect import use_prefect

    use_prefect()
    from flows.monitor import monitoring_check

    result = monitoring_check()
    if as_json:
        typer.echo(result.model_dump_json())
    else:
        _out.print(result.status, highlight=False)
        for sentence in (result.report or {}).get("reasons", []):
            _out.print(f"  {sentence}", highlight=False)
        if result.requested:
            _out.print("a cycle was requested; `antiphon retrain` runs it", highlight=False)
        if result.note:
            _out.print(result.note, highlight=False)
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
            typer.echo(json.dumps(_describe(cycle, requests[cycle.id])))
        return
    table = Table("started", "requested by", "outcome", "reason", "cycle")
    for cycle in cycles:
        reasons = "\n".join(
            f"{request.trigger}: {request.reason}" for request in requests[cycle.id]
        )
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
