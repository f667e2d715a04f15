"""The stages of a workspace as one MLflow run, followed while they run."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from flows.files import read_rows
from flows.stages import CHECKPOINTS, EPOCHS
from flows.workspace import PROJECT, Workspace, code_commit
from infra import tracking
from infra.ledger import RunningCycle
from infra.settings import Settings
from models.manifest import file_hash

log = logging.getLogger("antiphon.cycle")

# stage -> the folder it writes, for those that train
TRAINING_FOLDERS = {"train": "trained", "adversarial": "hardened"}


def run_stages(workspace: Workspace, cycle: RunningCycle, here: Settings) -> str:
    """Reproduce the pipeline and keep everything about it in one MLflow run; returns its id."""
    params = yaml.safe_load((workspace.folder / "params.yaml").read_text("utf-8"))
    run_id = tracking.open_run(cycle.id, f"cycle-{cycle.fencing_token}", _tags(workspace, cycle))
    tracking.log_params(run_id, params)
    source = str(here.state_dir / "datasets")
    tracking.log_dataset(run_id, "antiphon", workspace.revision, source, "training")
    follower = EpochFollower(workspace.folder, run_id)

    def on_line(line: str) -> None:
        log.debug("dvc: %s", line)
        follower.look()

    try:
        with tracking.watch_system(run_id):
            workspace.reproduce(on_line, {**here.tool_environment(), **here.environment()})
        follower.look_at_results()
        _keep_results(run_id, workspace)
    except BaseException:
        tracking.close_run(run_id, failed=True)
        raise
    tracking.close_run(run_id)
    return run_id


def _tags(workspace: Workspace, cycle: RunningCycle) -> dict[str, str]:
    return {
        "cycle": cycle.id,
        "triggers": ", ".join(sorted({request.trigger for request in cycle.requests})),
        "dataset": workspace.revision,
        "code_commit": code_commit(),
        "lock_sha256": file_hash(PROJECT / "requirements.lock"),
    }


def _keep_results(run_id: str, workspace: Workspace) -> None:
    evaluation = workspace.pipeline / "evaluation"
    tracking.log_metrics(run_id, json.loads((evaluation / "metrics.json").read_text("utf-8")))
    tracking.log_artifacts(run_id, evaluation, "evaluation")
    for name in ("dvc.lock", "params.yaml"):
        tracking.log_artifacts(run_id, workspace.folder / name)


@dataclass
class EpochFollower:
    """Reports each epoch of the training stages once, as their files grow."""

    workspace: Path
    run_id: str
    seen: dict[str, int] = field(default_factory=dict)

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
        for row in rows[self.seen.get(stage, 0) :]:
            metrics = {
                f"{stage}/{name}": float(value) for name, value in row.items() if name != "epoch"
            }
            tracking.log_epoch(self.run_id, int(row["epoch"]), metrics)
        self.seen[stage] = max(len(rows), self.seen.get(stage, 0))
