"""A sequence as one vector, to which some moments contribute more (Okabe et al., 2018)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

# A root has no gradient at 0. Above 1e-8, which torch's exporter takes for a zero and leaves out.
_LEAST_VARIANCE = 1e-6


class AttentivePooling(nn.Module):
    """Sequences (batch, features, time) -> their weighted means and deviations (batch, 2·features).

    How much a moment weighs is the softmax over time of tanh(v · features), v learnt: no moment
    weighs more than e² times another.
    """

    def __init__(self, features: int) -> None:
        super().__init__()
        self.vector = nn.Parameter(torch.empty(1, features))
        nn.init.kaiming_uniform_(self.vector)

    def forward(self, sequences: Tensor) -> Tensor:
        """Means, then standard deviations, under the weights of each moment."""
        weights = torch.softmax(torch.tanh(self.vector @ sequences), dim=2)  # (batch, 1, time)
        mean = (weights * sequences).sum(dim=2, keepdim=True)
        variance = (weights * (sequences - mean).square()).sum(dim=2)
        return torch.cat([mean.squeeze(2), torch.sqrt(variance + _LEAST_VARIANCE)], dim=1)
