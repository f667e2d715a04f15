"""`antiphon bakeoff`: compare detectors after the same training budget."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from flows.commands.experiments.generalisation import parse_groups
from flows.commands.scores import params_here
from flows.commands.shared_options import AsJson, CorpusRoot, ParamsFile, ProtocolName, ResumableOut
from flows.screen import Screen, print_json, say

if TYPE_CHECKING:
    from flows.lab.bakeoff.result import BakeOff

NAME = 15  # letters of a detector's name that are never folded
PIPED = 100  # letters of a line that is not written to a terminal

Detectors = Annotated[str, typer.Option(help='Detectors or recipes: "a,b,c".')]
Minutes = Annotated[
    float, typer.Option(help="Processor minutes per training (on a GPU: wall-clock minutes).")
]
Recipes = Annotated[
    Path | None, typer.Option(help="YAML file: name -> part of params.yaml that overrides it.")
]
Groups = Annotated[
    str | None, typer.Option(help='Attacks to leave out together: "a+b,c". Default: one at a time.')
]
Unmet = Annotated[
    bool, typer.Option("--unmet/--no-unmet", help="Also train with attacks left out.")
]


def bakeoff(
    protocol: ProtocolName,
    root: CorpusRoot,
    detectors: Detectors,
    budget: Minutes,
    params: ParamsFile = None,
    recipes: Recipes = None,
    groups: Groups = None,
    unmet: Unmet = True,
    out: ResumableOut = None,
    as_json: AsJson = False,
) -> None:
    """Train each detector with the same budget; compare size, EER, unseen attacks and latency.

    The command can be stopped and resumed. Exit status 1: a detector failed; its row says why.
    """
    from flows.lab.bakeoff.run import BakeOffRequest
    from flows.lab.bakeoff.run import bakeoff as run
    from flows.lab.bakeoff.table import write_bakeoff
    from flows.lab.recipes import read_recipes

    request = BakeOffRequest(
        protocol=protocol,
        root=root,
        out=out or _default_out(protocol),
        detectors=[name.strip() for name in detectors.split(",") if name.strip()],
        budget_s=60 * budget,
        unmet=unmet,
        groups=parse_groups(groups) if groups else None,
    )
    by_name = read_recipes(recipes) if recipes else {}
    result = run(request, params_here(params), by_name, say)
    write_bakeoff(result, request.out)
    if as_json:
        print_json(result.to_json())
    else:
        print_bakeoff(result)
    if result.failed:
        raise typer.Exit(1)


def print_bakeoff(result: BakeOff) -> None:
    """The tables of OUT/bakeoff.md."""
    from flows.lab.bakeoff.table import grids_of, notes_of

    console = Screen(width=None if sys.stdout.isatty() else PIPED)
    for grid in grids_of(result):
        if not grid.rows:
            continue
        table = Table()
        for place, heading in enumerate(grid.headings):
            if place:
                table.add_column(heading, justify="right")
            else:
                table.add_column(heading, overflow="fold", min_width=NAME)
        for row in grid.rows:
            table.add_row(*row)
        console.print(table)
    for note in notes_of(result):
        console.print(note, soft_wrap=True)


def _default_out(protocol: str) -> Path:
    from infra.settings import settings

    return settings().state_dir / "bake-off" / protocol
