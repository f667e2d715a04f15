"""A sequence as one vector, to which some moments contribute more (Okabe et al., 2018)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.detectors.layers.moments import mean_and_deviation


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
        return torch.cat(mean_and_deviation(sequences, weights), dim=1)
