"""`antiphon audit`: print and verify the log of decisions and actions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.commands.tables import lines_table, one_line
from flows.screen import Screen, echo, print_json

if TYPE_CHECKING:
    from infra.tables import AuditRow

app = typer.Typer(help="Print or verify the audit log.", no_args_is_help=True)


@app.command()
def verify() -> None:
    """Check every row of the audit log and its end. Exit 1: a row was altered or removed."""
    from flows.places import engine
    from infra import audit
    from infra.settings import settings
    from infra.signing import trusted_keys
    from infra.storage import open_store

    here = settings()
    chain = audit.verify(engine(), open_store(here), trusted_keys(here))
    for problem in chain.problems:
        echo(f"antiphon: audit log: {problem}", err=True)
    if chain.problems:
        raise typer.Exit(1)
    echo(f"{chain.rows} rows, all unchanged, none missing")


@app.command()
def log(
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object per line and nothing else.")
    ] = False,
) -> None:
    """Print the audit log, oldest row first, a line for each; --json prints all of a row."""
    from flows.places import engine
    from infra import audit

    rows = audit.rows(engine())
    if as_json:
        for row in rows:
            print_json(_plain(row))
        return
    table = lines_table("row", "at", "event", "by", rest="what")
    for row in rows:
        what = ", ".join(f"{k}: {v}" for k, v in _document(row).items() if v is not None)
        at = row.at[:16].replace("T", " ")
        table.add_row(str(row.seq), at, row.event, one_line(row.actor, 15), one_line(what))
    Screen().print(table)


def _plain(row: AuditRow) -> dict[str, Any]:
    names = ("seq", "at", "event", "actor", "key_id", "previous", "hash", "signature")
    return {**{name: getattr(row, name) for name in names}, "document": _document(row)}


def _document(row: AuditRow) -> dict[str, Any]:
    """The document; the text under `altered` if it is no longer a JSON object."""
    try:
        document = json.loads(row.document)
    except ValueError:
        return {"altered": row.document}
    return document if isinstance(document, dict) else {"altered": row.document}
