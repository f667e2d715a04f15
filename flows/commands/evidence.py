"""The evidence behind a verdict: fetch it, and see that nobody altered it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="The evidence behind a verdict.", no_args_is_help=True)


@app.command()
def verify(
    folder: Annotated[Path, typer.Argument(help="An evidence folder.")],
) -> None:
    """Check every byte of an evidence folder and its signature. Exit 1: it is not as signed."""
    typer.echo(_checked(folder))


@app.command()
def fetch(
    cycle_or_run: Annotated[str, typer.Argument(help="Id of a cycle or run, or how it begins.")],
    into: Annotated[
        Path | None, typer.Option(help="A folder to be made. Default: evidence-RUN here.")
    ] = None,
) -> None:
    """Get the newest evidence of a run from MLflow and check it. Exit 1: it is not as signed."""
    from flows.evidence.keeping import ARTIFACT
    from infra.artifacts import fetch_artifacts, run_of, tag_of
    from infra.errors import AbsentError

    run_id = run_of(cycle_or_run)
    place = tag_of(run_id, ARTIFACT)
    if place is None:
        raise AbsentError(f"run {run_id}: no evidence was kept")
    folder = fetch_artifacts(run_id, place, into or Path(f"evidence-{run_id[:8]}"))
    said = _checked(folder)
    typer.echo(f"{folder / 'index.html'}\n{said}")


def _checked(folder: Path) -> str:
    """What a whole folder is, in a line; ends with status 1 and a sentence for any other."""
    from flows.evidence.sealing import BrokenSealError, check_seal
    from infra.settings import settings
    from infra.signing import trusted_keys

    try:
        seal = check_seal(folder, trusted_keys(settings()))
    except BrokenSealError as error:
        typer.echo(f"antiphon: {error}", err=True)
        raise typer.Exit(1) from None
    return (
        f"{folder}: {seal.files} files as signed by key {seal.key_id}; the verdict on run "
        f"{seal.run_id} is {seal.verdict}"
    )
