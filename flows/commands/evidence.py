"""`antiphon evidence`: fetch and verify the evidence of a verdict."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.screen import echo

if TYPE_CHECKING:
    from flows.evidence.sealing import Seal

app = typer.Typer(help="Fetch or verify the evidence of a verdict.", no_args_is_help=True)


@app.command()
def verify(
    folder: Annotated[Path, typer.Argument(help="An evidence folder.")],
    in_log: Annotated[
        bool, typer.Option("--audit", help="Also look for its verdict in the audit log.")
    ] = False,
) -> None:
    """Check every byte of an evidence folder and its signature. Exit 1: it was changed."""
    seal = _checked(folder)
    if in_log:
        _require_row(folder, seal)
    echo(_told(folder, seal))


@app.command()
def fetch(
    cycle_or_run: Annotated[str, typer.Argument(help="Id of a cycle or run, or its beginning.")],
    into: Annotated[
        Path | None, typer.Option(help="Folder to create. Default: evidence-RUN here.")
    ] = None,
) -> None:
    """Download the newest evidence of a run from MLflow and verify it. Exit 1: it was changed."""
    from flows.evidence.keeping import ARTIFACT
    from infra.artifacts import fetch_artifacts, run_of, tag_of
    from infra.errors import AbsentError

    run_id = run_of(cycle_or_run)
    place = tag_of(run_id, ARTIFACT)
    if place is None:
        raise AbsentError(f"run {run_id}: no evidence was kept")
    folder = fetch_artifacts(run_id, place, into or Path(f"evidence-{run_id[:8]}"))
    seal = _checked(folder)
    echo(folder / "index.html")
    echo(_told(folder, seal))


def _checked(folder: Path) -> Seal:
    """The seal of an intact folder; ends with status 1 and a sentence otherwise."""
    from flows.evidence.sealing import BrokenSealError, check_seal
    from infra.settings import settings
    from infra.signing import trusted_keys

    try:
        return check_seal(folder, trusted_keys(settings()))
    except BrokenSealError as error:
        raise _refused(str(error)) from None


def _require_row(folder: Path, seal: Seal) -> None:
    """End with status 1 if no verdict in the audit log names this folder."""
    from flows.places import engine
    from infra import audit

    verdicts = (row for row in audit.rows(engine()) if row.event == audit.Event.VERDICT)
    if all(json.loads(row.document)["manifest_sha256"] != seal.manifest_sha256 for row in verdicts):
        raise _refused(f"{folder}: no verdict in the audit log rests on it")


def _refused(sentence: str) -> typer.Exit:
    echo(f"antiphon: {sentence}", err=True)
    return typer.Exit(1)


def _told(folder: Path, seal: Seal) -> str:
    return (
        f"{folder}: {seal.files} files as signed by key {seal.key_id}; the verdict on run "
        f"{seal.run_id} is {seal.verdict}"
    )
