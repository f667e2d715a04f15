"""Samples and answers as files: Label Studio JSON, CSV."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Annotated

import typer

from flows.screen import echo


def export(
    out: Annotated[Path, typer.Argument(help="A .json file for Label Studio, or a .csv file.")],
    state: Annotated[str | None, typer.Option(help="Samples in this state. Default: all.")] = None,
    blind: Annotated[
        bool, typer.Option("--blind", help="JSON without answers and scores, for labelling.")
    ] = False,
    audio_prefix: Annotated[
        str, typer.Option(help="What stands before the key of a recording in its address.")
    ] = "",
) -> None:
    """Write samples with every answer to a file."""
    from flows.field.answers_csv import CSV_COLUMNS, csv_rows
    from flows.field.label_studio import tasks_of
    from flows.places import engine
    from infra.review.exchange import export_samples
    from infra.review.sample_states import SampleState
    from models.errors import InputError
    from models.files.whole_files import written_beside

    if state is not None and state not in set(SampleState):
        raise InputError(f"no state named '{state}'; known: {', '.join(SampleState)}")
    _check_suffix(out)
    samples = export_samples(engine(), SampleState(state) if state else None)
    out.parent.mkdir(parents=True, exist_ok=True)
    with written_beside(out) as scratch:
        if out.suffix == ".csv":
            with scratch.open("w", encoding="utf-8", newline="") as stream:
                writer = csv.DictWriter(stream, CSV_COLUMNS)
                writer.writeheader()
                writer.writerows(csv_rows(samples))
        else:
            tasks = tasks_of(samples, audio_prefix, answers=not blind, scores=not blind)
            scratch.write_text(json.dumps(tasks, indent=1), encoding="utf-8")
    echo(f"{out}: {len(samples)} samples")


def import_file(
    path: Annotated[Path, typer.Argument(help="A .json file of Label Studio, or a .csv file.")],
) -> None:
    """Add the answers of a file that are not here yet, by request; all of them or none."""
    from flows.field.answers_csv import answers_of_rows
    from flows.field.label_studio import answers_of
    from flows.places import engine, review_params
    from infra.review.exchange import import_answers
    from models.errors import InputError

    _check_suffix(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
        if path.suffix == ".csv":
            answers = answers_of_rows(list(csv.DictReader(text.splitlines())))
        else:
            answers = answers_of(json.loads(text))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    except ValueError as error:  # no JSON, no UTF-8
        raise InputError(f"{path}: not valid ({error})") from error
    added = import_answers(engine(), answers, review_params())
    echo(f"{path}: {added} of {len(answers)} answers were new")


def _check_suffix(path: Path) -> None:
    from models.errors import InputError

    if path.suffix not in (".json", ".csv"):
        raise InputError(f"{path}: a name that ends in .json or .csv expected")
