"""Changes of a training step: transforms, repeated passes, anchors and other losses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from models.training.continual.anchor import Anchor
from models.training.losses import Loss
from models.training.replay import ONCE, Replay


class BatchTransform(Protocol):
    """Changes a batch on the device before the detector sees it.

    Its `repr` must tell what it does: it is part of the checkpoint's fingerprint.
    """

    def __call__(
        self, detector: nn.Module, waveforms: Tensor, labels: Tensor, generator: torch.Generator
    ) -> Tensor:
        """Waveforms (b, samples) for waveforms (b, samples) and labels (b,), 1 for bona fide."""


@dataclass(frozen=True)
class LearningRule:
    """How each step learns from its batch; by default once, from its clips as they are.

    `loss` takes the place of the one that params name and belongs to `transform`, whose repr tells
    of both. A detector that is fitted takes no steps and has no rule.
    """

    transform: BatchTransform | None = None
    replay: Replay = ONCE
    anchor: Anchor | None = None
    loss: Loss | None = None

    @property
    def changes_steps(self) -> bool:
        """Whether steps need more than a batch and its labels."""
        free = self.anchor is None or type(self.anchor) is Anchor
        return self.transform is not None or self.loss is not None or not free
