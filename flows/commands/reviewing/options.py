"""Options that the commands of a review share."""

from __future__ import annotations

import getpass
from typing import Annotated

import typer

SampleId = Annotated[int, typer.Argument(help="The id in `antiphon review list`.")]
SampleIds = Annotated[list[int], typer.Argument(help="Ids from `antiphon review list`.")]
Reviewer = Annotated[
    str, typer.Option(help="The reviewer's name.", default_factory=getpass.getuser)
]
Label = Annotated[str | None, typer.Option(help="bonafide, spoof, unsure or unusable.")]
AttackId = Annotated[str | None, typer.Option(help="The attack of a spoof, if known.")]
