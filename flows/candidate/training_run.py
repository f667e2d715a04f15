"""The stages of a workspace as one MLflow run, followed while they run."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from flows.candidate.evaluate import METRICS
from flows.candidate.pipeline_folders import CHECKPOINTS, EPOCHS
from flows.candidate.workspace import PROJECT, Workspace, code_commit, open_workspace
from flows.cycle import CycleInputs, CyclePath
from infra import tracking
from infra.datasets.registry import DatasetRegistry
from infra.ledger import RunningCycle
from infra.settings import Settings
from models.files.manifest import file_hash
from models.files.whole_files import read_rows

log = logging.getLogger("antiphon.cycle")

# stage -> the folder it writes, for those that train
TRAINING_FOLDERS = {"train": "trained", "adversarial": "hardened"}


def run_stages(workspace: Workspace, cycle: RunningCycle, here: Settings) -> str:
    """Reproduce the pipeline and keep everything about it in one MLflow run; returns its id."""
    with cycle_run(workspace, cycle, here, "full") as run_id:
        _reproduce(workspace, run_id, here)
    return run_id


def cycle_workspace(cycle: RunningCycle, inputs: CycleInputs, here: Settings) -> Workspace:
    """The workspace of a cycle on its inputs, made anew or as a retry finds it."""
    return open_workspace(
        DatasetRegistry.of(here),
        here.state_dir / "cycles",
        cycle.id,
        inputs.dataset,
        here.params_file,
        inputs.champion.folder if inputs.champion else None,
    )


@contextmanager
def cycle_run(
    workspace: Workspace, cycle: RunningCycle, here: Settings, path: CyclePath
) -> Iterator[str]:
    """The MLflow run of a cycle, which writes the workspace's evaluation meanwhile; its id."""
    params = yaml.safe_load((workspace.folder / "params.yaml").read_text("utf-8"))
    name = f"cycle-{cycle.fencing_token}"
    with tracking.running(cycle.id, name, {**_tags(workspace, cycle), "path": path}) as run_id:
        tracking.log_params(run_id, params)
        source = str(here.state_dir / "datasets")
        tracking.log_dataset(run_id, "antiphon", workspace.revision, source, "training")
        yield run_id
        keep_evaluation(run_id, workspace.pipeline / "evaluation")
        for file in ("dvc.lock", "params.yaml"):
            tracking.log_artifacts(run_id, workspace.folder / file)


def keep_evaluation(run_id: str, evaluation: Path) -> None:
    """Figures as metrics of the run, and the files among its artifacts."""
    tracking.log_metrics(run_id, json.loads((evaluation / METRICS).read_text("utf-8")))
    tracking.log_artifacts(run_id, evaluation, "evaluation")


def code_tags() -> dict[str, str]:
    """Which code and which locked packages a run was made with."""
    return {
        "code_commit": code_commit(),
        "lock_sha256": file_hash(PROJECT / "requirements.lock"),
    }


def _tags(workspace: Workspace, cycle: RunningCycle) -> dict[str, str]:
    return {
        "cycle": cycle.id,
        "triggers": ", ".join(sorted({request.trigger for request in cycle.requests})),
        "dataset": workspace.revision,
        **code_tags(),
    }


def _reproduce(workspace: Workspace, run_id: str, here: Settings) -> None:
    follower = EpochFollower(workspace.folder, run_id)

    def on_line(line: str) -> None:
        log.debug("dvc: %s", line)
        follower.look()

    with tracking.watch_system(run_id):
        workspace.reproduce(on_line, {**here.tool_environment(), **here.environment()})
    follower.look_at_results()


@dataclass
class EpochFollower:
    """Reports each epoch of the training stages once, as their files grow."""

    workspace: Path
    run_id: str
    reported: dict[str, int] = field(default_factory=dict)

    def look(self) -> None:
        """Report what is new."""
        for stage in TRAINING_FOLDERS:
            self._report(stage, self.workspace / CHECKPOINTS / f"{stage}.{EPOCHS}")

    def look_at_results(self) -> None:
        """Report what the finished stages kept; everything, where DVC did not run them."""
        for stage, folder in TRAINING_FOLDERS.items():
            self._report(stage, self.workspace / "pipeline" / folder / EPOCHS)

    def _report(self, stage: str, path: Path) -> None:
        rows = read_rows(path)
        for row in rows[self.reported.get(stage, 0) :]:
            metrics = {
                f"{stage}/{name}": float(value) for name, value in row.items() if name != "epoch"
            }
            tracking.log_epoch(self.run_id, int(row["epoch"]), metrics)
        self.reported[stage] = max(len(rows), self.reported.get(stage, 0))
