"""An activation that lets filters compete (arXiv 1511.02683)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class MaxFeatureMap(nn.Module):
    """Maps (batch, 2n, …) -> (batch, n, …): of two halves, the larger value in each place.

    One of each two filters is heard, and where a rectifier would leave zeros its rival goes on.
    """

    def forward(self, maps: Tensor) -> Tensor:
        """The larger of channel i and channel n + i."""
        one, other = maps.chunk(2, dim=1)
        return torch.maximum(one, other)
