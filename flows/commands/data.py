"""`antiphon check-data`: what is wrong with a corpus, before a detector learns from it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from flows.commands.scores import AsJson, ParamsFile, params_here

if TYPE_CHECKING:
    from flows.data_checks import CheckedData

Protocol = Annotated[str, typer.Option(help="A protocol's name, e.g. antiphon.")]
Root = Annotated[Path, typer.Option(help="The folder of the corpus.")]


def check_data(
    protocol: Protocol,
    root: Root,
    params: ParamsFile = None,
    out: Annotated[
        Path | None, typer.Option(help="A folder for data_checks.csv and data_checks.json.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Look for faulty clips and lopsided partitions; exit status 1 where a cycle would stop."""
    from flows.data_checks import check_corpus

    checked = check_corpus(protocol, root, params_here(params))
    if out:
        checked.write(out)
    if as_json:
        typer.echo(json.dumps(checked.summary, allow_nan=False))
    else:
        print_checked(checked)
    if checked.fatal:
        raise typer.Exit(1)


def print_checked(checked: CheckedData) -> None:
    """The spread of every quantity, and a line for each kind of finding."""
    from flows.data_checks import told
    from models.data_checks import CLIP_CHECKS, QUANTILES, figure

    table = Table()
    for heading in ("quantity", "class"):
        table.add_column(heading)
    for heading in QUANTILES:
        table.add_column(heading, justify="right")
    for kind, by_class in checked.summary["quantities"].items():
        check = CLIP_CHECKS[kind]
        for label, quantiles in by_class.items():
            if quantiles:
                name = f"{kind}, {check.unit}" if check.unit else kind
                table.add_row(name, label, *map(figure, quantiles.values()))
    console = Console(highlight=False)
    console.print(f"{checked.summary['clips']:,} clips", table)
    for line in told(checked) or ["nothing found"]:
        console.print(escape(line), soft_wrap=True)
