"""`antiphon search`: search the cells of light-darts on a corpus."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from flows.commands.scores import AsJson, ParamsFile, params_here

_err = Console(stderr=True, highlight=False)


def search(
    protocol: Annotated[str, typer.Option(help="A protocol's name, e.g. antiphon.")],
    root: Annotated[Path, typer.Option(help="The folder of the corpus.")],
    out: Annotated[Path, typer.Option(help="The YAML file to write.")] = Path("genotype.yaml"),
    params: ParamsFile = None,
    as_json: AsJson = False,
) -> None:
    """Search the cells of light-darts on train and dev, with `search` of params.yaml."""
    from flows.lab.search_cells import ArchitectureSearch, search_genotype

    found = search_genotype(ArchitectureSearch(protocol, root, out), params_here(params))
    if as_json:
        typer.echo(json.dumps(found, allow_nan=False))
        return
    for kind, nodes in found["genotype"].items():
        for node, edges in enumerate(nodes, 2):
            said = ", ".join(f"{name} of {source}" for name, source in edges)
            typer.echo(f"{kind} {node}: {said}")
    _err.print(
        escape(f"{out}: copy its `genotype` into detector.options of params.yaml"), soft_wrap=True
    )
