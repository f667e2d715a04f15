"""`antiphon dataset`: add a corpus, list, check out and push dataset versions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.screen import echo
from models.errors import InputError

app = typer.Typer(help="Dataset versions: git revisions with DVC hashes.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Name of the corpus in the dataset.")]
Folder = Annotated[Path, typer.Argument(help="Folder of the corpus.")]


@app.command("add")
def add(
    name: Name,
    folder: Folder,
    protocol: Annotated[
        str, typer.Option(help="The protocol, as in data.corpora of params.yaml.")
    ] = "antiphon",
) -> None:
    """Make FOLDER the content of corpus NAME in a new dataset version.

    Also name a protocol other than `antiphon` in data.corpora of params.yaml.
    """
    from infra.datasets.registry import FIELD, DatasetRegistry
    from infra.settings import settings
    from models.data.protocols.reading import read_protocol

    if name == FIELD:
        raise InputError(f"'{FIELD}' holds the reviewed field samples; another name expected")
    read_protocol(protocol, folder)  # refuse a corpus that `prepare` could not read
    registry = DatasetRegistry.of(settings())
    echo(registry.put_corpus(name, folder, f"Put {name}"))


@app.command("list")
def list_versions() -> None:
    """List the dataset versions, newest first."""
    from infra.datasets.registry import DatasetRegistry
    from infra.settings import settings

    for line in DatasetRegistry.of(settings()).versions():
        echo(line)


@app.command("checkout")
def checkout(
    revision: Annotated[str, typer.Argument(help="A dataset version.")] = "HEAD",
    into: Annotated[Path, typer.Option(help="Folder for the corpora.")] = Path("data"),
) -> None:
    """Put the corpora of a dataset version into a folder, for `dvc repro` by hand."""
    from infra.datasets.registry import DatasetRegistry
    from infra.settings import settings

    DatasetRegistry.of(settings()).export(revision, into)
    echo(into)


@app.command("push")
def push() -> None:
    """Copy the newest dataset version to the remote, a folder or s3://."""
    from infra.datasets.registry import DatasetRegistry
    from infra.settings import settings

    DatasetRegistry.of(settings()).push()
