"""TRADES: accuracy on clean clips, and agreement of the answers to clean and attacked ones.

Zhang et al., arXiv 1901.08573, equation 5. The attack is the one asked for: of two classes, what
pushes the score across also pushes the answer away from the clean one.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.adversarial.attacked_clips import AttackedClips, spread
from models.compute.distributed import ALONE, World
from models.training.losses import Loss


@dataclass(frozen=True)
class Pairs(AttackedClips):
    """A batch transform: the batch, and behind it the attacked twins of a share of its clips."""

    beta: float  # of the loss; here because the fingerprint of a training reads it
    world: World = field(default=ALONE, repr=False)

    def __call__(
        self, detector: nn.Module, waveforms: Tensor, labels: Tensor, generator: torch.Generator
    ) -> Tensor:
        """Waveforms (b + twins, samples) of waveforms (b, samples)."""
        chosen = spread(len(waveforms), self.count(len(waveforms))).to(waveforms.device)
        if not len(chosen):
            return waveforms
        attacked = self.attacked(detector, waveforms[chosen], labels[chosen], generator, self.world)
        return torch.cat([waveforms, attacked])


@dataclass(frozen=True)
class TradesLoss(Loss):
    """Clean loss + beta · divergence, of the logits (b + twins, 2) of `Pairs` and labels (b,)."""

    beta: float

    @classmethod
    def around(cls, clean: Loss, beta: float) -> TradesLoss:
        """The loss that adds the divergence to another one."""
        return cls(clean.objective, clean.bonafide_weight, clean.settings, beta)

    def __call__(self, logits: Tensor, labels: Tensor, total: Tensor | None = None) -> Tensor:
        """As of any loss; of a part of a batch, the divergence counts as the clips do."""
        clean, attacked = logits[: len(labels)], logits[len(labels) :]
        loss = super().__call__(clean, labels, total)
        if not len(attacked):
            return loss
        twins = clean[spread(len(clean), len(attacked)).to(clean.device)]
        divergence = functional.kl_div(
            attacked.log_softmax(dim=1),
            twins.log_softmax(dim=1),
            reduction="batchmean",
            log_target=True,
        )
        share = 1.0 if total is None else self.weights(labels).sum() / total
        return loss + self.beta * share * divergence
