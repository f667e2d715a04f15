"""Cross-validation in a folder: audio is packed once, and finished folds are not repeated.

OUT/clips/            the corpus and the copies made of it, packed
OUT/runs/NAME/        scores.csv and run.json of one fold and seed; checkpoints until then
OUT/report.json
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from flows.lab.fold_runs import FoldRun
from flows.lab.packed_corpus import pack_corpus, read_trials
from models.data.folds import Fold, Groups, Plan, make_plan
from models.data.lessons import read_lessons
from models.evaluation.fold_report import FoldReport, Judged, build_fold_report
from models.evaluation.metrics.eer import eer
from models.files.manifest import verify
from models.files.whole_files import write_json
from models.params.detector import DetectorParams
from models.params.tree import Params
from models.trials import Trial

if TYPE_CHECKING:
    from models.data.clips import Clips

Say = Callable[[str], object]
FOLDS = 5


@dataclass(frozen=True)
class CrossValidation:
    """A corpus, a plan of folds and what to train."""

    protocol: str
    root: Path
    out: Path
    plan: Plan = "k-fold"
    folds: int = FOLDS
    groups: Groups | None = None
    unseen_attacks: bool = False
    seeds: int = 3
    weights: Path | None = None  # a detector folder to start from
    apart: Literal["speakers", "recordings"] = "speakers"  # what k-fold keeps apart


def cross_validate(validation: CrossValidation, params: Params, say: Say) -> FoldReport:
    """Train and judge every fold with every seed; finished runs are read from OUT.

    Raises InputError where the corpus, the plan or the weights are unusable, before training.
    """
    report = build_fold_report(list(judge_folds(validation, params, say)))
    write_json(validation.out / "report.json", document_of(validation, report))
    return report


def judge_folds(validation: CrossValidation, params: Params, say: Say) -> Iterator[Judged]:
    """The scores of every fold with every seed; raises InputError as `cross_validate` does."""
    trials = read_trials(validation.protocol, validation.root, params)
    folds = make_plan(
        validation.plan,
        _apart(validation, trials),
        folds=validation.folds,
        groups=validation.groups,
        seed=params.data.partition_seed,
        unseen_attacks=validation.unseen_attacks,
    )
    params = params_of_training(validation.weights, params)
    for warning in warnings_of(validation.weights, trials):
        say(f"warning: {warning}")
    clips = pack_corpus(trials, params, validation.out / "clips")
    folds = tuple(fold.and_copies(trials, clips.trials[len(trials) :]) for fold in folds)
    yield from _judged(validation, params, clips, folds, say)


def _apart(validation: CrossValidation, trials: Sequence[Trial]) -> Sequence[Trial]:
    """The trials that folds are made of: without speakers where only recordings are kept apart."""
    if validation.apart == "speakers":
        return trials
    return [replace(trial, speaker_id=None) for trial in trials]


def document_of(validation: CrossValidation, report: FoldReport) -> dict[str, Any]:
    """The report with the protocol, the plan and the weights."""
    weights = validation.weights.name if validation.weights else None
    about = {"protocol": validation.protocol, "plan": validation.plan, "weights": weights}
    return {**about, **report.to_json()}


def params_of_training(weights: Path | None, params: Params) -> Params:
    """With weights: the params of their detector and of fine-tuning, as in the train stage."""
    if weights is None:
        return params.starting(from_weights=False)

    manifest = verify(weights)
    detector = DetectorParams(manifest.detector, dict(manifest.options))
    return replace(params.starting(from_weights=True), detector=detector)


def warnings_of(weights: Path | None, trials: Sequence[Trial]) -> Iterator[str]:
    """Warn of eval trials that the first weights have learnt from."""
    if weights is None:
        return
    # a dataset puts its corpus before an utterance's id
    lessons = {utterance.partition("/")[2] for utterance, _ in read_lessons(weights)}
    repeated = sum(trial.utterance_id in lessons for trial in trials)
    if repeated:
        yield (
            f"{weights} was trained on {repeated:,} of the {len(trials):,} trials: the EERs of "
            "folds that hold them out are too low"
        )


def _judged(
    validation: CrossValidation, params: Params, clips: Clips, folds: Sequence[Fold], say: Say
) -> Iterator[Judged]:
    """Every fold with the first seed, then with the next, so that a table is complete early."""
    runs = [
        FoldRun(validation.out / "runs" / f"seed-{number + 1}-fold-{place}", fold, number, params)
        for number in range(validation.seeds)
        for place, fold in enumerate(folds, 1)
    ]
    for place, run in enumerate(runs, 1):
        finished = run.is_finished(clips, validation.weights)
        scores = run.scores() if finished else run.work(clips, validation.weights)
        rate = eer(scores.bonafide, scores.spoof)
        say(
            f"{place} of {len(runs)}: {run.fold.name}, seed {run.seed}: EER {100 * rate:.2f} %"
            f"{', finished earlier' if finished else ''}"
        )
        yield Judged(run.fold.name, run.seed, scores)
