"""One member of a bake-off in a folder: planned, trained within the budget, scored.

FOLDER/plan.json          costs of a step and of an evaluation on dev, from which steps are planned
FOLDER/detector/          weights, graph and golden vectors
FOLDER/scores.csv         of eval, through the graph
FOLDER/epochs.csv         dev metrics and the seconds of the budget
FOLDER/run.json           the mark of a whole run; checkpoints/ until then
FOLDER/unmet/1/ …         a fold: the attacks it leaves out, judged by a detector without them
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from flows.candidate.detector_folders import open_exported, score_exported
from flows.candidate.devices import device_here
from flows.candidate.feature_cache import feature_cache
from flows.lab.bakeoff.members import Member
from flows.lab.fold_runs import SECTIONS, FoldRun
from flows.lab.run_marks import fingerprint, read_mark
from models.data.folds import Fold
from models.evaluation.scores import Scores, read_scores, write_scores
from models.files.whole_files import read_rows, write_json, write_rows
from models.params.tree import Params

if TYPE_CHECKING:
    from models.data.clips import Clips
    from models.detectors import Detector
    from models.training.budget import TrainingCost
    from models.training.state import EpochResult

PLAN = "plan.json"


@dataclass(frozen=True)
class Parts:
    """The clips that all members are trained on and judged by."""

    train: Clips
    dev: Clips
    eval: Clips
    all: Clips  # which the folds take theirs from
    folds: Sequence[Fold]


@dataclass(frozen=True)
class MemberRun:
    """A member's folder."""

    folder: Path
    member: Member
    budget_s: float
    parts: Parts

    @property
    def detector(self) -> Path:
        """The folder of the trained and exported detector."""
        return self.folder / "detector"

    @property
    def params(self) -> Params:
        """The member's params, on a CPU without loaders: their time would not be counted."""
        params = self.member.params
        if device_here() != "cpu":
            return params
        return replace(params, training=replace(params.training, loader_workers=0))

    @property
    def is_measured(self) -> bool:
        """Whether costs of the same params and trials are kept: a killed training keeps its end."""
        return bool(read_mark(self.folder / PLAN).get("asked") == self._fingerprint(self.params))

    @property
    def takes_steps(self) -> bool:
        """Whether a measured detector is trained in steps, and not estimated at once."""
        return read_mark(self.folder / PLAN).get("cost") is not None

    def measure(self) -> TrainingCost | None:
        """Measure what training costs; raises InputError where the detector cannot be trained."""
        from models.training.budget import measure_cost  # torch

        detector = _new(self.params)
        return measure_cost(detector, self.parts.train, self.parts.dev, self.params, device_here())

    def keep(self, cost: TrainingCost | None) -> None:
        """Save the cost that steps are planned by."""
        self.folder.mkdir(parents=True, exist_ok=True)
        document = {"cost": asdict(cost) if cost else None}
        write_json(self.folder / PLAN, {"asked": self._fingerprint(self.params), **document})

    def planned(self) -> Params:
        """The params with as many steps as fit into the budget; raises InputError for none."""
        from models.training.budget import TrainingCost, fit_into  # torch

        document = read_mark(self.folder / PLAN)["cost"]
        cost = TrainingCost(**document) if document else None
        return replace(self.params, training=fit_into(self.budget_s, cost, self.params.training))

    def known_scores(self, params: Params) -> Scores | None:
        """Those of a run that is whole and was of the same params and trials."""
        if read_mark(self.folder / "run.json").get("fingerprint") != self._fingerprint(params):
            return None
        return read_scores(self.folder / "scores.csv")

    def work(self, params: Params) -> Scores:
        """Train, or go on with a training that was killed; export; score eval by the graph."""
        from models.packaging.checkpoint import save_detector  # torch
        from models.packaging.export import export_detector
        from models.training.train import Execution, train

        detector, device = _new(params), device_here()
        (self.folder / "run.json").unlink(missing_ok=True)  # it was of other scores
        checkpoints = self.folder / "checkpoints"
        train(
            detector,
            self.parts.train,
            self.parts.dev,
            params,
            run=Execution(
                device=device,
                checkpoint=checkpoints / "train.pt",
                on_epoch=self._recorder(device),
                progress=True,
                features=feature_cache(),
            ),
        )
        save_detector(detector.to("cpu"), self.detector, params.window)
        export_detector(self.detector)
        exported = open_exported(self.detector)
        exported.check_golden()
        scores = score_exported(exported, self.parts.eval, progress="score eval")
        write_scores(self.folder / "scores.csv", scores)
        write_json(self.folder / "run.json", {"fingerprint": self._fingerprint(params)})
        shutil.rmtree(checkpoints, ignore_errors=True)
        return scores

    def unmet(self, params: Params) -> list[FoldRun]:
        """A run for each fold, by the same number of steps."""
        return [
            FoldRun(self.folder / "unmet" / str(place), fold, 0, params)
            for place, fold in enumerate(self.parts.folds, 1)
        ]

    def spent_s(self) -> float:
        """Seconds of the budget that the epochs of the training took."""
        return sum(float(row["spent_s"]) for row in read_rows(self.folder / "epochs.csv"))

    def _recorder(self, device: str) -> Callable[[EpochResult], None]:
        from models.training.budget import clock_of  # torch

        clock = clock_of(device)
        path, last = self.folder / "epochs.csv", clock()

        def record(epoch: EpochResult) -> None:
            nonlocal last
            now = clock()
            rows = [row for row in read_rows(path) if int(row["epoch"]) < epoch.epoch]
            write_rows(path, [*rows, {**asdict(epoch), "spent_s": now - last}])
            last = now

        return record

    def _fingerprint(self, params: Params) -> str:
        document = asdict(params)
        parts = (self.parts.train, self.parts.dev, self.parts.eval)
        inputs = {
            "params": {section: document[section] for section in SECTIONS},
            "budget_s": self.budget_s,
            "trials": [part.trials_hash for part in parts],
        }
        return fingerprint(inputs)


def _new(params: Params) -> Detector:
    from models.detectors.first_weights import new_detector  # torch
    from models.training.train import seed_everything

    seed_everything(params.training.seed)
    return new_detector(params)
