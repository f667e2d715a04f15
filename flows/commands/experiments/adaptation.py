"""`antiphon adaptation-curve`: how few labels of a new attack it takes until it is caught."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands.scores import params_here
from flows.commands.shared_options import (
    AsJson,
    CorpusRoot,
    ParamsFile,
    ProtocolName,
    ResumableOut,
    StartingWeights,
)
from flows.commands.tables import figures_table
from flows.screen import Screen, print_json, say
from models.errors import InputError

if TYPE_CHECKING:
    from models.evaluation.adaptation import CurveRow


def adaptation_curve(
    protocol: ProtocolName,
    root: CorpusRoot,
    labels: Annotated[str, typer.Option(help="Numbers of labelled clips.")] = "5,10,20,50,100",
    paths: Annotated[
        str, typer.Option(help="fast (the last layer), full (a training), or fast,full.")
    ] = "fast",
    seeds: Annotated[int, typer.Option(min=1, help="Trainings and draws of labels.")] = 3,
    params: ParamsFile = None,
    weights: StartingWeights = None,
    out: ResumableOut = None,
    as_json: AsJson = False,
) -> None:
    """Measure the EER on each new attack after some labels of it; needs a column `release`."""
    from flows.lab.adaptation.run import PATHS, CurveRequest
    from flows.lab.adaptation.run import adaptation_curve as run
    from models.evaluation.adaptation import curve_rows, to_json

    request = CurveRequest(
        protocol=protocol,
        root=root,
        out=out or _default_out(protocol),
        labels=_counts(labels),
        paths=_names(paths, PATHS),
        seeds=seeds,
        weights=weights,
    )
    points = run(request, params_here(params), say)
    if as_json:
        print_json(to_json(points))
        return
    print_curve(curve_rows(points))
    say(f"picture: {request.out / 'curve.png'}")


def print_curve(rows: tuple[CurveRow, ...]) -> None:
    """A line for each path and number of labels."""
    table = figures_table(
        "path",
        figures=("labels", "attacks", "EER %", "± attacks", "of before", "forgotten", "worst", "s"),
    )
    for row in rows:
        margin = "–" if row.over_attacks is None else f"{100 * row.over_attacks:.1f}"
        table.add_row(
            row.path, str(row.labels), str(row.attacks), f"{100 * row.eer:.1f}", margin,
            f"{row.ratio:.2f}", f"{100 * row.forgotten:+.2f}", f"{100 * row.worst:+.2f}",
            f"{row.seconds:.1f}",
        )  # fmt: skip
    console = Screen()
    console.print(table)
    console.print(
        "of before: EER over that without labels, mean over attacks. forgotten, worst: mean and "
        "largest rise of a known attack's EER, in points. s: seconds from the last label",
        soft_wrap=True,
    )


def _counts(text: str) -> tuple[int, ...]:
    counts = [word.strip() for word in text.split(",") if word.strip()]
    wrong = next((word for word in counts if not word.isdigit() or int(word) < 1), None)
    if wrong is not None or not counts:
        raise InputError(f"--labels: whole numbers from 1 on expected, found {wrong or text!r}")
    return tuple(sorted({int(word) for word in counts}))


def _names(text: str, known: tuple[str, ...]) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))
    if not names or not set(names) <= set(known):
        raise InputError(f"--paths: {' or '.join(known)}, or both, expected, found {text!r}")
    return names


def _default_out(protocol: str) -> Path:
    from infra.settings import settings

    return settings().state_dir / "adaptation-curve" / protocol
