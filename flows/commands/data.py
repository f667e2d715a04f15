"""`antiphon check-data` and `label-noise`: find faulty data before training."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from flows.commands.scores import params_here
from flows.commands.shared_options import AsJson, CorpusRoot, Keys, ParamsFile, ProtocolName
from flows.commands.tables import figures_table
from flows.screen import Screen, print_json, say
from models.errors import InputError

if TYPE_CHECKING:
    from flows.candidate.check_corpus import CheckedData
    from models.evaluation.label_noise import LabelNoise

SHOWN = 20  # suspects in the table; the file has all


def check_data(
    protocol: ProtocolName,
    root: CorpusRoot,
    params: ParamsFile = None,
    out: Annotated[
        Path | None, typer.Option(help="A folder for data_checks.csv and data_checks.json.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Find faulty clips, unbalanced partitions, shortcuts. Exit 1: a cycle would stop."""
    from flows.candidate.check_corpus import check_corpus

    checked = check_corpus(protocol, root, params_here(params))
    if out:
        checked.write(out)
    if as_json:
        print_json(checked.summary)
    else:
        print_checked(checked)
    if checked.fatal:
        raise typer.Exit(1)


def label_noise(
    protocol: Annotated[str | None, typer.Option(help="A protocol's name.")] = None,
    root: Annotated[Path | None, typer.Option(help="The folder of the corpus.")] = None,
    scores: Annotated[
        Path | None,
        typer.Option(help="Instead: scores of a detector that was not trained on these trials."),
    ] = None,
    keys: Keys = None,
    params: ParamsFile = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of the lists and the trainings; finished work is not repeated."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List trials whose label is probably wrong, the most probable first."""
    from flows.lab.suspect_labels import LabelledCorpus, label_noise_of, look_for_label_noise
    from models.evaluation.scores import read_scores

    if scores is not None and protocol is None and root is None:
        noise = label_noise_of(read_scores(scores, keys), out)
    elif scores is None and protocol is not None and root is not None:
        out = out or _default_out(protocol)
        noise = look_for_label_noise(LabelledCorpus(protocol, root, out), params_here(params), say)
    else:
        raise InputError("--protocol with --root expected, or --scores")
    if as_json:
        print_json(noise.to_json())
    else:
        print_label_noise(noise, out)


def print_label_noise(noise: LabelNoise, out: Path | None) -> None:
    """Print the share of labels that are probably wrong, and the most probable ones."""
    table = figures_table("utterance", "attack", figures=("given", "spoof %"))
    for suspect in noise.suspects[:SHOWN]:
        table.add_row(
            suspect.utterance_id,
            suspect.attack_id or "",
            str(suspect.given),
            f"{100 * suspect.spoof_probability:.1f}",
        )
    console = Screen()
    console.print(
        f"{len(noise.suspects):,} of {noise.trials:,} trials look like the other class, "
        f"{100 * noise.noise:.1f} % of the labels by estimate; hard trials are among them",
        soft_wrap=True,
    )
    if noise.suspects:
        console.print(table)
    if out is not None:
        console.print(f"all of them: {out / 'suspects.csv'}", soft_wrap=True)


def _default_out(protocol: str) -> Path:
    from infra.settings import settings

    return settings().state_dir / "label-noise" / protocol


def _shortcut_table(summary: Mapping[str, Any]) -> Table:
    table = figures_table("column", figures=("trials", "EER %", "95 % interval"))
    for column in summary["shortcuts"]:
        low, high = (f"{100 * column[end]:.1f}" for end in ("low", "high"))
        table.add_row(
            column["column"],
            f"{column['trials']:,}",
            f"{100 * column['eer']:.1f}",
            f"{low} to {high}",
        )
    return table


def print_checked(checked: CheckedData) -> None:
    """Print the quantiles of every quantity, and a line for each kind of finding."""
    from flows.candidate.check_corpus import told
    from models.data.checks import CLIP_CHECKS, QUANTILES, figure

    table = Table()
    for heading in ("quantity", "class"):
        table.add_column(heading)
    for heading in QUANTILES:
        table.add_column(heading, justify="right")
    for kind, by_class in checked.summary["quantities"].items():
        check = CLIP_CHECKS[kind]
        for label, quantiles in by_class.items():
            if quantiles:
                name = f"{kind}, {check.unit}" if check.unit else kind
                table.add_row(name, label, *map(figure, quantiles.values()))
    console = Screen()
    console.print(f"{checked.summary['clips']:,} clips", table)
    if checked.summary["shortcuts"]:
        console.print("EER of the label from one column alone", _shortcut_table(checked.summary))
    for line in told(checked) or ["nothing found"]:
        console.print(line, soft_wrap=True)
