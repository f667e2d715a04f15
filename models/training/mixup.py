"""Mixup: pairs of clips played at once, with the labels of both (arXiv 1710.09412)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from models.training.losses import as_targets


def mixup(
    waveforms: Tensor, labels: Tensor, alpha: float, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Each clip (b, samples) mixed with another of the batch, and the shares (b, 2) of classes.

    How much of the clip itself is heard is drawn from Beta(α, α) for each, so a small α leaves
    most clips nearly as they are. α = 0 leaves everything.
    """
    targets = as_targets(labels)
    if alpha == 0.0:
        return waveforms, targets
    count = len(waveforms)
    partners = torch.from_numpy(rng.permutation(count)).to(waveforms.device)
    shares = torch.from_numpy(rng.beta(alpha, alpha, (count, 1))).to(waveforms)
    return torch.lerp(waveforms[partners], waveforms, shares), torch.lerp(
        targets[partners], targets, shares.to(targets)
    )
