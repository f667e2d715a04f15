"""Mean and standard deviation over time, with a gradient everywhere."""

from __future__ import annotations

import torch
from torch import Tensor

# A root has no gradient at 0. Above 1e-8, which torch's exporter takes for a zero and leaves out.
LEAST_VARIANCE = 1e-6


def mean_and_deviation(sequences: Tensor, weights: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Both (batch, features) of sequences (batch, features, time).

    `weights` (batch, 1, time) say how much each moment counts and sum to 1; without, all alike.
    """
    if weights is None:
        mean = sequences.mean(dim=2, keepdim=True)
        variance = (sequences - mean).square().mean(dim=2)
    else:
        mean = (weights * sequences).sum(dim=2, keepdim=True)
        variance = (weights * (sequences - mean).square()).sum(dim=2)
    return mean.squeeze(2), torch.sqrt(variance + LEAST_VARIANCE)
