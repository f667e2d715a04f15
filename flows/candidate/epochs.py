"""What a training stage leaves while it runs: a checkpoint, and a row for each epoch."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from flows.candidate.pipeline_folders import CHECKPOINTS, EPOCHS
from models.files.whole_files import read_rows, write_rows

if TYPE_CHECKING:
    from models.training.state import EpochResult


def checkpoint_of(stage: str) -> Path:
    """Where a stage's training is kept until it is done."""
    CHECKPOINTS.mkdir(parents=True, exist_ok=True)
    return CHECKPOINTS / f"{stage}.pt"


def record_epochs(stage: str) -> Callable[[EpochResult], None]:
    """Append each epoch to a CSV that others may read while training runs."""
    path = CHECKPOINTS / f"{stage}.{EPOCHS}"

    def record(epoch: EpochResult) -> None:
        before = [row for row in read_rows(path) if int(row["epoch"]) < epoch.epoch]  # of a resume
        write_rows(path, [*before, asdict(epoch)])

    return record


def keep_epochs(stage: str, folder: Path) -> None:
    """Put the rows beside a finished detector; the next training starts anew."""
    path = CHECKPOINTS / f"{stage}.{EPOCHS}"
    if path.is_file():
        shutil.copy(path, folder / EPOCHS)
    for leftover in CHECKPOINTS.glob(f"{stage}.*"):  # of its parts too
        leftover.unlink()
