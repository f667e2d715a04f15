"""`antiphon corpus`: build a corpus of real speech."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from flows.screen import Screen
from models.errors import InputError

if TYPE_CHECKING:
    from flows.demo.corpora.make_corpora import Advance
    from flows.demo.corpora.tables import Summary

app = typer.Typer(help="Build a corpus of real speech.", no_args_is_help=True)
_err = Screen(stderr=True)


class CorpusName(StrEnum):
    """Corpora that can be built."""

    DEMO = "demo"
    STARTER = "starter"


class SizeName(StrEnum):
    """Sizes of the corpus."""

    SMALL = "small"
    FULL = "full"


@app.callback()
def corpus() -> None:
    """Build a corpus of real speech."""  # typer makes `fetch` a subcommand where this exists


@app.command()
def fetch(
    name: Annotated[CorpusName, typer.Argument(help="The corpus.")],
    out: Annotated[
        Path | None,
        typer.Option(help="Folder to create. Default: corpora/NAME in the state folder."),
    ] = None,
    bonafide: Annotated[
        Path | None, typer.Option(help="Folder of your own human recordings, instead of Debian's.")
    ] = None,
    spoof: Annotated[
        Path | None, typer.Option(help="Your own synthetic speech, one folder per attack.")
    ] = None,
    unheard: Annotated[
        str | None, typer.Option(help="The attack of --spoof that only OUT/traffic contains.")
    ] = None,
    size: Annotated[
        SizeName, typer.Option(help="small builds about a sixth of full.")
    ] = SizeName.FULL,
    seed: Annotated[int, typer.Option(help="The same seed gives the same corpus.")] = 2026,
) -> None:
    """Build demo (OUT/base, and OUT/traffic with an attack that base lacks) or starter (OUT)."""
    from infra.settings import settings

    state = settings().state_dir
    out = out or state / "corpora" / name
    _check_folders(name, bonafide, spoof, unheard)
    with progress() as advance:
        if name is CorpusName.STARTER:
            summary = _starter(out, state / "downloads", size, seed, advance)
        elif bonafide is not None and spoof is not None:
            summary = _from_folders(out, bonafide, spoof, unheard, seed, advance)
        else:
            summary = _from_debian(out, state / "downloads", size, seed, advance)
    licences = "README.md" if name is CorpusName.STARTER else "licences.md"
    for line in story(summary, licences):
        _err.print(line, soft_wrap=True)


def _check_folders(
    name: CorpusName, bonafide: Path | None, spoof: Path | None, unheard: str | None
) -> None:
    if (bonafide is None) is not (spoof is None):
        raise InputError("--bonafide and --spoof belong together: give both folders or none")
    if unheard is not None and spoof is None:
        raise InputError("--unheard names an attack below --spoof: give --bonafide and --spoof too")
    if name is CorpusName.STARTER and bonafide is not None:
        raise InputError("--bonafide and --spoof make a demo corpus: starter takes neither")


def _from_folders(
    out: Path, bonafide: Path, spoof: Path, unheard: str | None, seed: int, advance: Advance
) -> Summary:
    from flows.demo.corpora.own_folders import build_from_folders

    return build_from_folders(out, bonafide, spoof, unheard, seed, advance=advance)


def _from_debian(out: Path, cache: Path, size: SizeName, seed: int, advance: Advance) -> Summary:
    from flows.demo.corpora.demo import fetch_demo
    from flows.demo.corpora.orders import SIZES

    def arrived(package: str) -> None:
        _err.print(f"downloaded {package}")

    return fetch_demo(out, cache, SIZES[size], seed, arrived=arrived, advance=advance)


def _starter(out: Path, cache: Path, size: SizeName, seed: int, advance: Advance) -> Summary:
    from flows.demo.corpora.starter.plan import STARTER_SIZES
    from flows.demo.corpora.starter.starter import fetch_starter

    def tell(sentence: str) -> None:
        _err.print(sentence, soft_wrap=True)

    return fetch_starter(out, cache, STARTER_SIZES[size], seed, tell=tell, advance=advance)


@contextmanager
def progress() -> Iterator[Advance]:
    """A progress bar on stderr, shown on a terminal only."""
    columns = (TextColumn("making utterances"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=_err, transient=True) as bar:
        task = bar.add_task("", total=None, visible=False)
        yield lambda done, total: bar.update(task, completed=done, total=total, visible=True)


def story(summary: Summary, licences: str = "licences.md") -> Iterator[str]:
    """The summary of a corpus, in sentences."""
    for corpus_name, counts in summary.counts.items():
        kinds = ", ".join(f"{number} {kind}" for kind, number in counts.items())
        yield f"{summary.out / corpus_name}: {kinds}"
    yield f"{summary.seconds / 60:.0f} minutes of speech; {licences} beside each protocol.csv"
