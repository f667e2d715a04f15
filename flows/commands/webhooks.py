"""`antiphon webhooks`: messages to the addresses of clients, and those that were given up."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.commands.shared_options import AsJson
from flows.commands.tables import lines_table, one_line
from flows.screen import Screen, echo, print_json

app = typer.Typer(help="Messages to the addresses of clients.", no_args_is_help=True)
_out = Screen()


@app.command("list")
def list_messages(
    limit: Annotated[int, typer.Option(min=1, help="How many of the last.")] = 20,
    dead: Annotated[bool, typer.Option("--dead", help="Only those that were given up.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the last messages, and what became of each."""
    from flows.places import engine
    from infra.webhooks.outbox import DEAD, recent_messages

    messages = recent_messages(engine(), limit, DEAD if dead else None)
    table = lines_table("made", "type", "state", "attempts", rest="receiver")
    for message in messages:
        if as_json:
            names = ("id", "key", "kind", "receiver", "state", "attempts", "error")
            facts = {name: getattr(message, name) for name in names}
            print_json({**facts, "made_at": message.made_at.isoformat()})
            continue
        moment = f"{message.made_at:%Y-%m-%d %H:%M}"
        place = one_line(message.error or message.receiver)
        table.add_row(moment, message.kind, message.state, str(message.attempts), place)
    if not as_json:
        _out.print(table)


@app.command("retry")
def retry() -> None:
    """Let messages that were given up be tried again; the endpoint sends them."""
    from flows.places import engine
    from infra.webhooks.outbox import revive

    echo(f"{revive(engine())} messages are tried again")
