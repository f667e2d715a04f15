"""A teacher in training: the loss also asks for its answers (Hinton et al., arXiv 1503.02531).

Any detector folder may teach, whatever its kind and size. Its softened answers to the very clips of
the batch, augmented as they are, stand beside the labels: `training.distillation`.
"""

from __future__ import annotations

from pathlib import Path

import torch

from models.errors import InputError
from models.packaging.checkpoint import load_detector
from models.params.learning import DistillationParams
from models.training.continual.anchor import Anchor, Anchors
from models.training.continual.distillation import Distillation


def teacher_folder(distillation: DistillationParams, champion: Path) -> Path | None:
    """Where the teacher lies; None where there is none, or no champion yet to be one.

    Raises InputError for a folder that is not there.
    """
    if distillation.teacher is None:
        return None
    if distillation.teacher == "champion":
        return champion if champion.is_dir() else None
    folder = Path(distillation.teacher)
    if not folder.is_dir():
        raise InputError(f"training.distillation.teacher: a detector folder expected, no {folder}")
    return folder


def taught(anchor: Anchor, teacher: Path | None, device: torch.device) -> Anchor:
    """The anchor, and beside it the pull towards the answers of a teacher's folder."""
    if teacher is None:
        return anchor
    return Anchors((anchor, Distillation(load_detector(teacher).to(device))))
