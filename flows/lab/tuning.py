"""The search for a detector's params: trials judged by dev, each an MLflow run.

OUT/clips/           train and dev, packed; eval is never read
OUT/study.db         the trials (flows/lab/studies.py)
OUT/checkpoints/     of the trial under way
OUT/tuning.json      every trial; OUT/best.yaml  the best, as a part of params.yaml
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.candidate.devices import device_here
from flows.lab.packed_corpus import pack_corpus, part_of, read_trials
from flows.lab.recipes import SECTIONS
from flows.lab.search_spaces import Space, check_space, with_values
from flows.lab.studies import ask, ended, id_of, open_study, told_before, values_of
from flows.lab.tuning_result import TrialResult, TuningRequest, TuningResult
from flows.lab.working_folder import working_alone
from infra import tracking
from models.errors import InputError
from models.files.whole_files import write_json
from models.params.tree import Params
from models.trials import Partition

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import Trial

    from models.data.clips import Clips
    from models.training.state import EpochResult

Say = Callable[[str], object]
EPOCH_METRICS = ("train_loss", "dev_loss", "dev_eer", "learning_rate")
PARENT = "mlflow.parentRunId"  # the tag by which MLflow's page nests runs


@dataclass(frozen=True)
class Search:
    """A search under way."""

    study: Study
    space: Space
    params: Params
    train: Clips
    dev: Clips
    checkpoints: Path
    parent: str  # the run of the whole search

    def run(self, number: int, trial: Trial, values: Mapping[str, Any]) -> str:
        """Train with the values, resuming a killed trial; report to the study; return a sentence.

        `number` counts from 1; a trial that was killed keeps its own.
        """
        from optuna.trial import TrialState

        key, tags = f"tune-{id_of(self.study)}-{number}", {PARENT: self.parent}
        try:
            with tracking.running(key, f"trial {number}", tags) as run:
                tracking.log_params(run, values)
                params = with_values(self.params, values, f"trial {number}")
                checkpoint = self.checkpoints / f"{number}.pt"
                dev_eer = self._learn(params, checkpoint, self._follower(trial, run))
                if dev_eer is not None:
                    tracking.log_metrics(run, {"best_dev_eer": dev_eer})
                tracking.set_tags(run, {"pruned": str(dev_eer is None).lower()})
        except InputError as error:
            self.study.tell(trial, state=TrialState.FAIL)
            return f"failed: {error}"
        if dev_eer is None:
            self.study.tell(trial, state=TrialState.PRUNED)
            return "given up: dev EER above the median of other trials"
        self.study.tell(trial, dev_eer)
        return f"dev EER {100 * dev_eer:.2f} %"

    def _learn(
        self, params: Params, checkpoint: Path, follow: Callable[[EpochResult], None]
    ) -> float | None:
        """The lowest dev EER; None where the trial was pruned."""
        from optuna import TrialPruned

        from models.detectors.first_weights import new_detector  # torch
        from models.training.train import Execution, seed_everything, train

        seed_everything(params.training.seed)
        detector = new_detector(params)
        try:
            result = train(
                detector,
                self.train,
                self.dev,
                params,
                run=Execution(
                    device=device_here(), checkpoint=checkpoint, on_epoch=follow, progress=True
                ),
            )
        except TrialPruned:
            return None
        return result.best_dev_eer

    def _follower(self, trial: Trial, run: str) -> Callable[[EpochResult], None]:
        """Report each epoch once, and stop a trial that the study prunes."""
        from optuna import TrialPruned

        reported = told_before(self.study, trial)
        for epoch, dev_eer in reported.items():
            trial.report(dev_eer, epoch)

        def follow(epoch: EpochResult) -> None:
            if epoch.epoch not in reported:
                trial.report(epoch.dev_eer, epoch.epoch)
                metrics = {name: getattr(epoch, name) for name in EPOCH_METRICS}
                tracking.log_epoch(run, epoch.epoch, metrics)
            if trial.should_prune():
                raise TrialPruned

        return follow


def tune(request: TuningRequest, params: Params, space: Space, say: Say) -> TuningResult:
    """Run trials until as many as requested are finished; a killed search resumes.

    Training is from scratch and without hardening. Raises InputError for an unusable corpus or
    space before anything is trained, and where every trial failed.
    """
    params = params.starting(from_weights=False)
    check_space(space, params, "search space")
    partitions = (Partition.TRAIN, Partition.DEV)
    corpus = read_trials(request.protocol, request.root, params)
    trials = [trial for trial in corpus if trial.partition in partitions]
    with working_alone(request.out):
        packed = pack_corpus(trials, params, request.out / "clips")
        train, dev = (part_of(packed, len(trials), partition) for partition in partitions)
        about = _about(request, params, space, train.trials_hash + dev.trials_hash)
        with open_study(request.out / "study.db", about, request.draws) as study:
            key, name = f"tune-{id_of(study)}", f"tune {params.detector.name}"
            with tracking.running(key, name, {"protocol": request.protocol}) as parent:
                tracking.log_params(parent, {"space": about["space"], "params": about["params"]})
                checkpoints = request.out / "checkpoints"
                search = Search(study, space, params, train, dev, checkpoints, parent)
                _work(search, request, say)
                result = _found(search)
                tracking.log_metrics(parent, {"best_dev_eer": result.best.dev_eer})
                tracking.log_document(parent, "tuning.json", result.to_json())
        write_json(request.out / "tuning.json", result.to_json())
    return result


def _work(search: Search, request: TuningRequest, say: Say) -> None:
    while (done := len(ended(search.study))) < request.trials:
        trial, values = ask(search.study, search.space, request.draws)
        ending = search.run(done + 1, trial, values)
        for checkpoint in search.checkpoints.glob("*"):
            checkpoint.unlink()
        settings = ", ".join(f"{key.rpartition('.')[2]} {value}" for key, value in values.items())
        say(f"{done + 1} of {request.trials}: {ending}; {settings}")


def _found(search: Search) -> TuningResult:
    from optuna.trial import TrialState

    tried = tuple(
        TrialResult(
            number=number,
            state=trial.state.name.lower(),
            dev_eer=min(trial.intermediate_values.values(), default=None)
            if trial.state is not TrialState.FAIL
            else None,
            epochs=len(trial.intermediate_values),
            values=values_of(trial.params, search.space),
        )
        for number, trial in enumerate(ended(search.study), 1)
    )
    whole = [
        result for result in tried if result.state == "complete" and result.dev_eer is not None
    ]
    if not whole:
        raise InputError(f"tune: none of {len(tried)} trials finished")
    return TuningResult(search.params, tried, min(whole, key=lambda result: result.dev_eer or 0.0))


def _about(request: TuningRequest, params: Params, space: Space, hashes: str) -> dict[str, Any]:
    """What the trials of one study share; keys are the words of the error message."""
    document = asdict(params)
    shared = {section: document[section] for section in SECTIONS}
    space_document = {key: asdict(dimension) for key, dimension in space.items()}
    about = {
        "protocol": request.protocol,
        "corpus": hashlib.sha256(hashes.encode()).hexdigest(),
        "space": space_document,
        "params": shared,
        "seed": request.draws.seed,
    }
    return dict(json.loads(json.dumps(about)))  # tuples as JSON has them
