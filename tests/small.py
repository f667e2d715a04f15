"""Params below the bounds of params.yaml, for clips of a few hundred samples."""

from __future__ import annotations

from pydantic.dataclasses import dataclass

from models.params.learning import TransferParams
from models.params.section import CLOSED
from models.params.training import TrainingParams
from models.params.window import WindowParams


@dataclass(frozen=True, config=CLOSED)
class SmallWindow(WindowParams):
    """A window that is shorter than half a second."""

    samples: int = 600
    hop: int = 300


@dataclass(frozen=True, config=CLOSED)
class SmallTraining(TrainingParams):
    """A training on crops that are shorter than half a second."""

    crop_samples: int = 600


@dataclass(frozen=True, config=CLOSED)
class SmallTransfer(TransferParams):
    """Of a detector that is all one block: none of it can be frozen."""

    frozen_groups: int = 0
