"""`antiphon search`: search the cells of light-darts on a corpus."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.commands.scores import params_here
from flows.commands.shared_options import AsJson, CorpusRoot, ParamsFile, ProtocolName
from flows.screen import echo, print_json, say


def search(
    protocol: ProtocolName,
    root: CorpusRoot,
    out: Annotated[Path, typer.Option(help="The YAML file to write.")] = Path("genotype.yaml"),
    params: ParamsFile = None,
    as_json: AsJson = False,
) -> None:
    """Search the cells of light-darts on train and dev, with `search` of params.yaml."""
    from flows.lab.search_cells import ArchitectureSearch, search_genotype

    genotype = search_genotype(ArchitectureSearch(protocol, root, out), params_here(params))
    if as_json:
        print_json(genotype)
        return
    for kind, nodes in genotype["genotype"].items():
        for node, edges in enumerate(nodes, 2):
            choices = ", ".join(f"{name} of {source}" for name, source in edges)
            echo(f"{kind} {node}: {choices}")
    say(f"{out}: copy its `genotype` into detector.options of params.yaml")
