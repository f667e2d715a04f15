"""Learning without forgetting (Li & Hoiem 2016, arXiv 1606.09282), from clips the batch has anyway.

The detector as it was answers beside the one that learns; the penalty is

    weight · T² · mean over clips of KL( softmax(z_old / T) ‖ softmax(z / T) )

with logits z (b, 2) and temperature T; T² keeps the gradient's size whatever T is (Hinton et al.
2015, §2). The paper freezes one head for each old task; a detector has one head for all attacks,
so that it is held on all clips of the batch, or on bona fide ones alone.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.detectors.detector import BONAFIDE
from models.training.continual.anchor import Anchor
from models.training.state import weights_hash

TEMPERATURE = 2.0  # of the answers that are compared


class Distillation(Anchor):
    """Holds the answers to a batch near those of the detector as it is given."""

    needs_waveforms = True

    def __init__(
        self,
        detector: nn.Module,
        weight: float = 1.0,
        temperature: float = TEMPERATURE,
        bonafide_only: bool = False,
    ) -> None:
        self.weight, self.temperature = weight, temperature
        self.bonafide_only = bonafide_only
        self.teacher = copy.deepcopy(detector).eval().requires_grad_(False)

    def __repr__(self) -> str:
        first = weights_hash(self.teacher.state_dict())[:16]
        return f"Distillation({self.weight}, {self.temperature}, {self.bonafide_only}, {first})"

    def penalty(
        self, detector: nn.Module, waveforms: Tensor, labels: Tensor, logits: Tensor
    ) -> Tensor:
        """KL from the teacher's answers to the detector's, at the temperature."""
        del detector
        selected = (
            labels == BONAFIDE if self.bonafide_only else torch.ones_like(labels, dtype=torch.bool)
        )
        if not selected.any():
            return logits.new_zeros(())
        with torch.no_grad():
            teacher = self.teacher(waveforms[selected]).float() / self.temperature
        student = logits[selected].float() / self.temperature
        divergence = functional.kl_div(
            student.log_softmax(1), teacher.log_softmax(1), reduction="batchmean", log_target=True
        )
        return self.weight * self.temperature**2 * divergence
