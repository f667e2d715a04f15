"""Train every recipe on every fold with every seed, and report what each cell says.

OUT/clips/HASH/                      the corpus and the copies that a recipe asks for, packed
OUT/folds.json   OUT/runs/           flows/lab/factorial/folder.py
OUT/report.json  OUT/report.md
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from flows.lab.cross_validation import params_of_training, warnings_of
from flows.lab.factorial.folder import keep_design, report_of, run_folder
from flows.lab.factorial.table import write_report
from flows.lab.fold_runs import FoldRun
from flows.lab.packed_corpus import pack_corpus, read_trials
from flows.lab.recipes import TRAINING_SECTIONS, Changes, with_recipe
from flows.lab.run_marks import fingerprint
from flows.lab.working_folder import working_alone
from models.data.folds import FactorialFold, Groups, factorial_folds
from models.data.folds.factorial import FOLDS
from models.errors import InputError
from models.evaluation.factorial import Design, FactorialReport
from models.evaluation.metrics.eer import eer
from models.files.whole_files import write_json
from models.params.tree import Params
from models.trials import Trial

if TYPE_CHECKING:
    from models.data.clips import Clips

Say = Callable[[str], object]
ALONE = "params"  # the recipe of params.yaml as it is


@dataclass(frozen=True)
class FactorialRequest:
    """A corpus, and what its folds hold out."""

    protocol: str
    root: Path
    out: Path
    folds: int = FOLDS
    groups: Groups | None = None  # of attacks
    source_groups: Groups | None = None
    seeds: int = 3
    weights: Path | None = None  # a detector folder to start from


@dataclass(frozen=True)
class Recipe:
    """A row of the table."""

    name: str
    params: Params
    weights: Path | None


def cross_validate_cells(
    request: FactorialRequest, params: Params, recipes: Mapping[str, Changes], say: Say
) -> FactorialReport:
    """Train and evaluate each recipe on each fold; finished trainings are read from OUT.

    Without recipes, the params are the only one. Raises InputError where the corpus, the folds, a
    recipe or the weights are unusable, before anything is packed.
    """
    trials = read_trials(request.protocol, request.root, params)
    members = recipes_of(request, params, recipes)
    folds = factorial_folds(
        trials,
        folds=request.folds,
        seed=params.data.partition_seed,
        attacks=request.groups,
        sources=request.source_groups,
    )
    for warning in {w for member in members for w in warnings_of(member.weights, trials)}:
        say(f"warning: {warning}")
    keep_design(request.out, Design.of(trials, folds))
    with ExitStack() as held:
        for order, member in enumerate(members):
            folder = request.out / "runs" / member.name
            held.enter_context(working_alone(folder))
            write_json(folder / "recipe.json", {"order": order})
        _work(request, members, trials, folds, say)
        report = report_of([request.out], [member.name for member in members])
    write_report(request.out, report)
    return report


def recipes_of(
    request: FactorialRequest, params: Params, recipes: Mapping[str, Changes]
) -> tuple[Recipe, ...]:
    """The recipes with their params; `training.initial` of a recipe is its detector folder.

    Raises InputError for a name that is no folder's, and for what a recipe cannot have.
    """
    members = []
    for name, changes in (recipes or {ALONE: {}}).items():
        if not re.fullmatch(r"[\w+-][\w.+-]*", name):
            raise InputError(
                f"recipes: a name of letters, digits and .+-_ expected, found {name!r}"
            )
        changed = with_recipe(params, changes, f"recipe {name}", TRAINING_SECTIONS)
        initial = str((changes.get("training") or {}).get("initial", "champion"))
        named = initial not in ("champion", "scratch")
        weights = Path(initial) if named else request.weights
        members.append(Recipe(name, params_of_training(weights, changed), weights))
    return tuple(members)


def _work(
    request: FactorialRequest,
    members: Sequence[Recipe],
    trials: Sequence[Trial],
    folds: Sequence[FactorialFold],
    say: Say,
) -> None:
    """Every recipe with the first seed, then with the next, so that a table is complete early."""
    packed = {member.name: _packed(request.out, member, trials) for member in members}
    total, done = request.seeds * len(members) * len(folds), 0
    for seed in range(request.seeds):
        for member in members:
            clips = packed[member.name]
            for number, fold in enumerate(folds):
                done += 1
                folder = run_folder(request.out, member.name, seed, number)
                whole = fold.and_copies(trials, clips.trials[len(trials) :])
                run = FoldRun(folder, whole, seed, member.params)
                say(f"{done} of {total}: {member.name}, {_worked(run, clips, member.weights)}")


def _worked(run: FoldRun, clips: Clips, weights: Path | None) -> str:
    finished = run.is_finished(clips, weights)
    scores = run.scores() if finished else run.work(clips, weights)
    rate = eer(scores.bonafide, scores.spoof)
    return (
        f"{run.fold.name}, seed {run.seed}: EER of all cells {100 * rate:.2f} %"
        f"{', finished earlier' if finished else ''}"
    )


def _packed(out: Path, member: Recipe, trials: Sequence[Trial]) -> Clips:
    made_of = {
        "copies": dict(member.params.copy_synthesis),
        "vocoder": asdict(member.params.neural_vocoder),
    }
    folder = out / "clips" / fingerprint(made_of)[:12]
    with working_alone(folder):
        return pack_corpus(trials, member.params, folder)
