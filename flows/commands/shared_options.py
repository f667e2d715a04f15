"""Options that several commands share, and how commands print to people and to scripts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

ProtocolName = Annotated[str, typer.Option(help="A protocol's name, e.g. antiphon.")]
CorpusRoot = Annotated[Path, typer.Option(help="The folder of the corpus.")]
ResumableOut = Annotated[
    Path | None, typer.Option(help="Folder of the results; finished work is not repeated.")
]
Keys = Annotated[
    Path | None,
    typer.Option(help="Key or protocol file with labels, attacks and speakers."),
]
ParamsFile = Annotated[
    Path | None, typer.Option("--params", help="Default: params.yaml here, if it exists.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON alone on standard output.")]

NO, UNREACHABLE = 1, 3  # statuses: the answer is no; a service cannot be reached

_err = Console(stderr=True, highlight=False)


def say(line: str) -> None:
    """Print a line for people on stderr, apart from the output of the command."""
    _err.print(escape(line), soft_wrap=True)


def print_json(document: Any) -> None:
    """One JSON document on standard output; raises ValueError at nan and infinity."""
    typer.echo(json.dumps(document, allow_nan=False))
