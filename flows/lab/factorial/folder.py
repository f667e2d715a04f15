"""The folder of a factorial cross-validation, from which its report is made without the corpus.

OUT/folds.json                       trials that are evaluated, and the cells of each fold
OUT/runs/RECIPE/seed-1-fold-2/       scores.csv and run.json of a finished training
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from flows.lab.run_marks import read_mark
from models.errors import InputError
from models.evaluation.factorial import Design, FactorialReport, RecipeScores
from models.evaluation.factorial.report import build_factorial_report
from models.evaluation.scores import Scores, read_scores
from models.files.whole_files import write_json

FOLDS = "folds.json"


@dataclass(frozen=True)
class FinishedRun:
    """A training that is whole."""

    folder: Path
    recipe: str  # hash of what it was trained by
    seconds: float | None


def keep_design(out: Path, design: Design) -> None:
    """Write OUT/folds.json; raises InputError where OUT has other folds or trials."""
    path = out / FOLDS
    document = json.loads(json.dumps(design.to_json()))  # tuples are lists there
    if path.is_file() and read_mark(path) != document:
        raise InputError(
            f"{path}: folds of other trials or groups are in this folder; another --out expected"
        )
    out.mkdir(parents=True, exist_ok=True)
    write_json(path, document)


def run_folder(out: Path, recipe: str, seed: int, fold: int) -> Path:
    """The folder of one training; `seed` and `fold` count from 0."""
    return out / "runs" / recipe / f"seed-{seed + 1}-fold-{fold + 1}"


def report_of(folders: Sequence[Path], names: Sequence[str] | None = None) -> FactorialReport:
    """The report of what is finished in one or more folders with the same folds.

    It has the recipes named, else those with a finished seed, and the seeds that all of them have
    finished on every fold. Raises InputError where a folder has no folds or other folds than the
    first, and where not one seed is finished.
    """
    designs = [_design(folder) for folder in folders]
    for folder, design in zip(folders, designs, strict=True):
        if design != designs[0]:
            raise InputError(
                f"{folder}: the folds of {folders[0]} expected, found others: differences are of "
                "the same trials and folds"
            )
    runs = {
        name: seeds
        for folder in folders
        for name, seeds in _recipes(folder, len(designs[0].folds), len(folders) > 1).items()
        if (seeds if names is None else name in names)
    }
    count = min((len(seeds) for seeds in runs.values()), default=0)
    if not count:
        raise InputError(
            f"{', '.join(map(str, folders))}: a recipe with every fold of one seed finished "
            "expected, found none"
        )
    recipes = [_scores_of(name, seeds[:count], designs[0]) for name, seeds in runs.items()]
    return build_factorial_report(designs[0], recipes, count)


def _design(folder: Path) -> Design:
    document = read_mark(folder / FOLDS)
    try:
        return Design.from_json(document)
    except (KeyError, TypeError) as error:
        raise InputError(
            f"{folder}: a folder of cross-validate --plan factorial expected, found no {FOLDS} "
            "that can be read"
        ) from error


def _recipes(folder: Path, folds: int, several: bool) -> dict[str, list[list[FinishedRun]]]:
    """For each recipe the complete seeds, in the order in which recipes were begun."""
    places = sorted(
        (path for path in (folder / "runs").glob("*") if path.is_dir()),
        key=lambda path: (read_mark(path / "recipe.json").get("order", 0), path.name),
    )
    prefix = f"{folder}/" if several else ""  # two may have the same name
    return {f"{prefix}{place.name}": _complete_seeds(place, folds) for place in places}


def _complete_seeds(place: Path, folds: int) -> list[list[FinishedRun]]:
    seeds: list[list[FinishedRun]] = []
    while True:
        runs = []
        for fold in range(folds):
            path = place / f"seed-{len(seeds) + 1}-fold-{fold + 1}"
            mark = read_mark(path / "run.json")
            if mark:
                runs.append(FinishedRun(path, mark["recipe"], mark.get("processor_s")))
        if len(runs) < folds:
            return seeds
        seeds.append(runs)


def _scores_of(name: str, seeds: Sequence[Sequence[FinishedRun]], design: Design) -> RecipeScores:
    runs = [run for seed in seeds for run in seed]
    if len({run.recipe for run in runs}) > 1:
        raise InputError(
            f"{runs[0].folder.parent}: trainings by one recipe expected, found several: run "
            "cross-validate again, which repeats the old ones"
        )
    rows = {name: row for row, name in enumerate(design.utterance_ids)}
    scores = {
        (fold, seed): _aligned(read_scores(run.folder / "scores.csv"), rows)
        for seed, folds in enumerate(seeds)
        for fold, run in enumerate(folds)
    }
    spent = [run.seconds for run in runs if run.seconds is not None]
    return RecipeScores(name, scores, float(np.mean(spent)) if spent else None)


def _aligned(scores: Scores, rows: dict[str, int]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    values = np.full(len(rows), np.nan)
    values[[rows[name] for name in scores.utterance_ids]] = scores.cm_scores
    return values
