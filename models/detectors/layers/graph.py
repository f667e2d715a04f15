"""Graph attention and pooling of AASIST (arXiv 2110.01200, §2.2 and §3).

Nodes are (batch, nodes, features); every node is joined to every other and to itself. The names of
parameters are those of the official checkpoints.
"""

from __future__ import annotations

from fractions import Fraction

import torch
from torch import Tensor, nn
from torch.nn import functional


class GraphAttention(nn.Module):
    """Nodes of one kind attend to each other: (batch, nodes, before) -> (batch, nodes, after)."""

    def __init__(self, before: int, after: int, temperature: float, dropout: float) -> None:
        super().__init__()
        self.temperature = temperature
        self.input_drop = nn.Dropout(dropout)
        self.att_proj = nn.Linear(before, after)
        self.att_weight = _attention_vector(after)
        self.proj_with_att = nn.Linear(before, after)
        self.proj_without_att = nn.Linear(before, after)
        self.bn = nn.BatchNorm1d(after)

    def forward(self, nodes: Tensor) -> Tensor:
        """Projection of each node plus projection of the nodes it attends to."""
        nodes = self.input_drop(nodes)
        out = self.proj_with_att(self.attention(nodes) @ nodes) + self.proj_without_att(nodes)
        return functional.selu(_normalise(self.bn, out))

    def attention(self, nodes: Tensor) -> Tensor:
        """How much each node attends to each (batch, from, to): every row sums to one."""
        keys = torch.tanh(self.att_proj(_pairs(nodes)))  # (batch, nodes, nodes, after)
        return _attend(keys @ self.att_weight, self.temperature)


class HeterogeneousAttention(nn.Module):
    """Temporal and spectral nodes attend to each other, and a master node gathers from both.

    A pair within the temporal nodes, within the spectral nodes, or across has its own attention
    vector. The master node listens only: no node attends to it.
    """

    def __init__(self, before: int, after: int, temperature: float, dropout: float) -> None:
        super().__init__()
        self.temperature = temperature
        self.input_drop = nn.Dropout(dropout)
        self.proj_type1 = nn.Linear(before, before)  # temporal
        self.proj_type2 = nn.Linear(before, before)  # spectral
        self.att_proj = nn.Linear(before, after)
        self.att_projM = nn.Linear(before, after)
        self.att_weight11 = _attention_vector(after)
        self.att_weight22 = _attention_vector(after)
        self.att_weight12 = _attention_vector(after)
        self.att_weightM = _attention_vector(after)
        self.proj_with_att = nn.Linear(before, after)
        self.proj_without_att = nn.Linear(before, after)
        self.proj_with_attM = nn.Linear(before, after)
        self.proj_without_attM = nn.Linear(before, after)
        self.bn = nn.BatchNorm1d(after)

    def forward(
        self, temporal: Tensor, spectral: Tensor, master: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The three after attention; the master node is (batch, 1, features)."""
        count = temporal.shape[1]
        nodes = torch.cat([self.proj_type1(temporal), self.proj_type2(spectral)], dim=1)
        nodes = self.input_drop(nodes)
        attention = _attend(self._scores(nodes, count), self.temperature)
        out = self.proj_with_att(attention @ nodes) + self.proj_without_att(nodes)
        out = functional.selu(_normalise(self.bn, out))
        return out[:, :count], out[:, count:], self._gather(nodes, master)

    def _scores(self, nodes: Tensor, count: int) -> Tensor:
        keys = torch.tanh(self.att_proj(_pairs(nodes)))
        from_temporal, from_spectral = keys[:, :count], keys[:, count:]
        upper = [
            from_temporal[:, :, :count] @ self.att_weight11,
            from_temporal[:, :, count:] @ self.att_weight12,
        ]
        lower = [
            from_spectral[:, :, :count] @ self.att_weight12,
            from_spectral[:, :, count:] @ self.att_weight22,
        ]
        return torch.cat([torch.cat(upper, dim=2), torch.cat(lower, dim=2)], dim=1)

    def _gather(self, nodes: Tensor, master: Tensor) -> Tensor:
        keys = torch.tanh(self.att_projM(nodes * master))[:, None]  # (batch, 1, nodes, after)
        attention = _attend(keys @ self.att_weightM, self.temperature)
        out: Tensor = self.proj_with_attM(attention @ nodes) + self.proj_without_attM(master)
        return out


class GraphPool(nn.Module):
    """Keeps the best share of the nodes, best first, each scaled by its score."""

    def __init__(self, features: int, ratio: float, dropout: float) -> None:
        super().__init__()
        # Exact, so that torch and the exported graph round alike: 0.7 * 90 is below 63 in floats.
        self.ratio = Fraction(str(ratio))
        self.drop = nn.Dropout(dropout)
        self.proj = nn.Linear(features, 1)

    def forward(self, nodes: Tensor) -> Tensor:
        """(batch, nodes, features) -> (batch, max(1, ⌊ratio · nodes⌋), features)."""
        scores, best = self.choose(nodes)
        return torch.gather(nodes * scores, 1, best.expand(-1, -1, nodes.shape[2]))

    def choose(self, nodes: Tensor) -> tuple[Tensor, Tensor]:
        """Scores in 0–1 (batch, nodes, 1), and which nodes are kept (batch, kept, 1)."""
        scores = torch.sigmoid(self.proj(self.drop(nodes)))
        share = nodes.shape[1] * self.ratio.numerator // self.ratio.denominator
        count = torch.sym_max(share, 1)  # type: ignore[no-untyped-call]  # max() would fix the length
        _, best = torch.topk(scores, count, dim=1)
        return scores, best


def _attention_vector(features: int) -> nn.Parameter:
    return nn.Parameter(nn.init.xavier_normal_(torch.empty(features, 1)))


def _pairs(nodes: Tensor) -> Tensor:
    """Products of every two nodes (batch, nodes, nodes, features)."""
    return nodes[:, :, None] * nodes[:, None]


def _attend(scores: Tensor, temperature: float) -> Tensor:
    """Attention (batch, from, to) of scores (batch, from, to, 1): each row sums to one."""
    return torch.softmax(scores.squeeze(-1) / temperature, dim=-1)


def _normalise(norm: nn.BatchNorm1d, nodes: Tensor) -> Tensor:
    """Batch norm of each feature over all nodes of all graphs."""
    out: Tensor = norm(nodes.transpose(1, 2)).transpose(1, 2)
    return out
