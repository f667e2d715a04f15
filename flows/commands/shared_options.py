"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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

StartingWeights = Annotated[
    Path | None, typer.Option(help="A detector folder to start from. Default: from scratch.")
]

NO, UNREACHABLE = 1, 3  # statuses: the answer is no; a service cannot be reached
