"""params.yaml: what it may say, and what it says."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from flows.commands.scores import params_here
from flows.commands.shared_options import ParamsFile
from flows.screen import echo_lines

app = typer.Typer(no_args_is_help=True, help="Print the parameters, or the schema of params.yaml.")


@app.command()
def schema() -> None:
    """The JSON schema of params.yaml, for editors: names, types, bounds, defaults."""
    from models.params.refusals import json_schema
    from models.params.tree import Params

    document = {"$schema": "https://json-schema.org/draft/2020-12/schema", **json_schema(Params)}
    echo_lines(json.dumps(document, indent=2))


@app.command()
def show(
    params: ParamsFile = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Every parameter, not only what differs.")
    ] = False,
) -> None:
    """The parameters that differ from their defaults, as YAML that can be read again."""
    import yaml

    from models.params.tree import document_of

    document = document_of(params_here(params), complete=everything)
    echo_lines(yaml.safe_dump(document, sort_keys=False, allow_unicode=True))
