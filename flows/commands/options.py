"""Options that several commands have, and how they speak to people and to scripts."""

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
    Path | None, typer.Option(help="What is done stays here, and is not done again.")
]
Keys = Annotated[
    Path | None,
    typer.Option(help="Key or protocol file: labels, attacks and speakers of the utterances."),
]
ParamsFile = Annotated[
    Path | None, typer.Option("--params", help="Default: params.yaml here, if there is one.")
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]
OnlyJson = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]

_err = Console(stderr=True, highlight=False)


def say(line: str) -> None:
    """Tell whoever watches, beside what the command prints."""
    _err.print(escape(line), soft_wrap=True)


def print_json(document: Any) -> None:
    """One JSON document on standard output; raises ValueError at nan and infinity."""
    typer.echo(json.dumps(document, allow_nan=False))
