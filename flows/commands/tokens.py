"""`antiphon token`: who may use the endpoint and the console."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from flows.commands.shared_options import AsJson
from flows.commands.tables import lines_table
from flows.screen import Screen, echo, print_json
from infra.access.scopes import Scope

app = typer.Typer(help="Make, list and revoke access tokens.", no_args_is_help=True)


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Of its holder, as the audit log names them.")],
    scope: Annotated[
        list[Scope], typer.Option(help="What it allows; once for each. admin: everything.")
    ],
    days: Annotated[
        int | None, typer.Option(min=1, max=3_650, help="Days after which it expires.")
    ] = None,
) -> None:
    """Make a token and print it, once; only its hash is kept."""
    from flows.actor import person
    from flows.places import engine
    from infra import audit
    from infra.access.tokens import create_token

    expires = datetime.now(UTC) + timedelta(days=days) if days else None
    token = create_token(engine(), name, set(scope), person(), expires)
    document = {"name": name, "scopes": sorted(set(scope)), "days": days}
    audit.append(engine(), audit.Event.TOKEN_MADE, person(), document)
    echo(token)


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List every token ever made: name, scopes and state, not the token itself."""
    from flows.places import engine
    from infra.access.tokens import list_tokens, state_of

    tokens = list_tokens(engine())
    if as_json:
        for token in tokens:
            facts = {"name": token.name, "scopes": token.scopes, "state": state_of(token)}
            print_json({**facts, "made_at": token.made_at.isoformat(), "made_by": token.made_by})
        return
    table = lines_table("name", "state", "made", "by", rest="scopes")
    for token in tokens:
        day = f"{token.made_at:%Y-%m-%d}"
        table.add_row(token.name, state_of(token), day, token.made_by, ", ".join(token.scopes))
    Screen().print(table)


@app.command()
def revoke(name: Annotated[str, typer.Argument(help="The token's name.")]) -> None:
    """End a token now, and the sessions that were begun with it."""
    from flows.actor import person
    from flows.places import engine
    from infra import audit
    from infra.access.tokens import revoke_token

    revoke_token(engine(), name)
    audit.append(engine(), audit.Event.TOKEN_REVOKED, person(), {"name": name})
    echo(f"the token {name} is revoked")
