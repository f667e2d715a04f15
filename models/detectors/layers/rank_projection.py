"""A linear map over the nodes of a graph, which come ranked from a graph pooling."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class RankProjection(nn.Linear):
    """Ranked nodes (batch, nodes, features) -> (batch, out_features, features).

    A weight belongs to a rank: with `in_features` nodes this is a linear map over nodes, no more.
    Of any other number of nodes, the r-th of n stands for that share of the ranks, from r / n to
    (r + 1) / n, and has the sum of their weights. So what a graph of equal nodes gives does not
    depend on how many they are.
    """

    def forward(self, nodes: Tensor) -> Tensor:
        """Project the nodes of each feature."""
        weights = self.weight @ self._shares(nodes.shape[1])
        return functional.linear(nodes.transpose(1, 2), weights, self.bias).transpose(1, 2)

    def _shares(self, nodes: int) -> Tensor:
        """Which share of each rank each node stands for (in_features, nodes); 1 for n = ranks."""
        weight = self.weight
        ranks = torch.arange(self.in_features, dtype=weight.dtype, device=weight.device)[:, None]
        edges = torch.arange(nodes + 1, dtype=weight.dtype, device=weight.device)
        edges = edges * self.in_features / nodes  # exact where there is a node for every rank
        overlap = torch.minimum(edges[1:], ranks + 1) - torch.maximum(edges[:-1], ranks)
        return overlap.clamp(min=0.0)
