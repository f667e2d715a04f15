"""Some clips of a training batch, attacked as the detector now stands."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from models.adversarial.perturbing import perturb
from models.compute.distributed import World


@dataclass(frozen=True)
class AttackedClips:
    """Which attack, and on how much of a batch; what becomes of them is the batch transform's."""

    attack: str
    snr_db: float
    steps: int
    share: float  # 0–1, rounded to whole clips

    def count(self, batch: int) -> int:
        """How many clips of a batch of that size."""
        return round(self.share * batch)

    def attacked(
        self,
        detector: nn.Module,
        waveforms: Tensor,
        labels: Tensor,
        generator: torch.Generator,
        world: World,
    ) -> Tensor:
        """Perturbed waveforms (k, samples) of waveforms (k, samples) and labels (k,)."""
        return perturb(
            detector,
            waveforms,
            labels,
            attack=self.attack,
            snr_db=self.snr_db,
            steps=self.steps,
            generator=generator,
            world=world,
        )


def spread(batch: int, count: int) -> Tensor:
    """So many rows (count,) of a batch: evenly spread, since classes come in blocks."""
    return torch.arange(count) * batch // max(count, 1)
