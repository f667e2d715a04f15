"""`antiphon retrain`, `adapt`, `monitor`, `cycles`: run a cycle or a check, list past cycles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from flows.commands.shared_options import NO, UNREACHABLE, AsJson
from flows.commands.tables import facts_table, lines_table, one_line
from flows.screen import Screen, print_json, print_model, say

if TYPE_CHECKING:
    from flows.cycle import CycleOutcome
    from infra.tables import Cycle, CycleRequestRow

_out = Screen()


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
    _tell_outcome(retraining_cycle(CycleRequest(trigger=trigger, reason=reason)), as_json)


def adapt(
    reason: Annotated[str, typer.Option(help="The reason, for the ledger.")] = "requested by hand",
    as_json: AsJson = False,
) -> None:
    """Run one fast cycle here: refit the champion's last layer on new labels and judge it.

    Exit 1: not promoted. Exit 2: the champion has no such layer, or there is none. Exit 3: the
    endpoint did not confirm the winner, a later check will.
    """
    from flows.servers.embedded_prefect import use_prefect

    use_prefect()
    from flows.adapt import fast_cycle
    from flows.adaptable import require_adaptable
    from flows.cycle import CycleRequest

    require_adaptable()
    warn_of_silence()
    _tell_outcome(fast_cycle(CycleRequest(trigger="labels", reason=reason)), as_json)


def _tell_outcome(outcome: CycleOutcome, as_json: bool) -> None:
    if as_json:
        print_model(outcome)
    else:
        _out.print(f"{outcome.outcome}: {outcome.reason}")
        if outcome.rollout:
            _out.print(outcome.rollout)
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
        print_model(result)
    else:
        _out.print(result.status)
        for sentence in _sentences(result.report or {}):
            _out.print(f"  {sentence}")
        if result.requested:
            _out.print("a cycle was requested; `antiphon retrain` runs it")
        if result.note:
            _out.print(result.note)
    if result.status == "drift":
        raise typer.Exit(1)


def _sentences(report: dict[str, Any]) -> list[str]:
    """Why a check came to its status, and how often stable traffic would come to it."""
    rates = report.get("false_alarms")
    if not rates:
        return [f"{report['rows']} of {report['window']} requests"] if report else []
    held_out = rates["realised"]
    realised = "" if held_out is None else f", {held_out:.1%} measured on callers held out"
    about = f"windows of stable traffic over any limit: {rates['nominal']:.1%} asked for{realised}"
    return [*report["reasons"], about, *filter(None, [rates["note"]])]


def history(
    cycle: Annotated[
        str | None, typer.Argument(help="Id of a cycle, or its beginning: show all of it.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the last cycles and requests for labels, a line for each, or show one in full."""
    from flows.places import engine
    from infra.ledger import recent_cycles, requests_of
    from infra.past_cycles import cycle_named

    cycles = recent_cycles(engine()) if cycle is None else [cycle_named(engine(), cycle)]
    requests = requests_of(engine(), cycles)
    if as_json:
        for row in cycles:
            print_json(_describe(row, requests[row.id]))
    elif cycle is None:
        _list(cycles, requests)
    else:
        _show(cycles[0], requests[cycles[0].id])


def _list(cycles: list[Cycle], requests: dict[str, list[CycleRequestRow]]) -> None:
    table = lines_table("started", "cycle", "path", "outcome", "by", rest="reason")
    for cycle in cycles:
        triggers = ", ".join(dict.fromkeys(request.trigger for request in requests[cycle.id]))
        table.add_row(
            f"{cycle.started_at:%Y-%m-%d %H:%M}",
            cycle.id[:8],
            (cycle.summary or {}).get("path", ""),
            cycle.outcome or "running",
            one_line(triggers, 16),
            one_line((cycle.summary or {}).get("reason", "")),
        )
    _out.print(table)
    if cycles:
        _out.print("`antiphon cycles CYCLE` shows all of one.")


def _show(cycle: Cycle, requests: list[CycleRequestRow]) -> None:
    summary = cycle.summary or {}
    facts: dict[str, str | list[str] | None] = {
        "cycle": cycle.id,
        "started": f"{cycle.started_at:%Y-%m-%d %H:%M:%S} UTC",
        "ended": f"{cycle.ended_at:%Y-%m-%d %H:%M:%S} UTC" if cycle.ended_at else None,
        "requested by": [f"{request.trigger}: {request.reason}" for request in requests],
        "path": summary.get("path"),
        "outcome": cycle.outcome or "running",
        "reason": summary.get("reason"),
        "endpoint": summary.get("rollout"),
    }
    for name, key in (("champion before", "champion"), ("registered as", "version")):
        facts[name] = f"version {summary[key]}" if summary.get(key) else None
    facts |= {"run": summary.get("run_id"), "dataset": summary.get("dataset")}
    if summary.get("verdict"):
        facts["evidence"] = f"antiphon evidence fetch {cycle.id[:8]}"
    _out.print(facts_table(facts))


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
