"""How a training is carried out: none of it changes what is learnt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from models.compute.distributed import ALONE, World
from models.training.features import FeatureCache
from models.training.state import EpochResult


@dataclass(frozen=True)
class Execution:
    """Where a training computes, where its progress is kept and to whom it is reported.

    All processes of a `world` have the same but for `device`; only the leading one reads and
    writes the checkpoint, reports and shows progress.
    """

    device: str | torch.device = "cpu"
    checkpoint: Path | None = None  # written after every epoch and every so many seconds
    checkpoint_every_s: float = 60.0
    on_epoch: Callable[[EpochResult], None] | None = None
    progress: bool = False  # a bar on stderr
    world: World = ALONE
    features: FeatureCache | None = None  # of fronts that do not learn; None: computed every time

    @property
    def torch_device(self) -> torch.device:
        """The device as torch's type."""
        return torch.device(self.device)

    @property
    def shows_progress(self) -> bool:
        """Whether this process draws the bar."""
        return self.progress and self.world.leads

    def report(self, epoch: EpochResult) -> None:
        """Hand an epoch to `on_epoch`, from the leading process alone."""
        if self.on_epoch is not None and self.world.leads:
            self.on_epoch(epoch)
