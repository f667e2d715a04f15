"""Transformer layers over time (arXiv 1706.03762), for sequences of any length.

Normalisation comes before attention and before the feed-forward part (arXiv 2002.04745, figure 1b):
it learns without a warm-up.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.errors import InputError

_LONGEST_WAVE = 10_000.0  # steps, over 2π, as in arXiv 1706.03762, §3.5


class SelfAttention(nn.Module):
    """Every step of (batch, steps, features) gathers from all of them, in several heads.

    Written out rather than `nn.MultiheadAttention`, whose fast path in eval mode is another
    computation than the one that is trained and exported.
    """

    def __init__(self, features: int, heads: int, dropout: float) -> None:
        super().__init__()
        if features % heads:
            raise InputError(
                f"option heads: a divisor of the {features} features expected, found {heads}"
            )
        self.heads = heads
        self.dropout = dropout
        self.project = nn.Linear(features, 3 * features)
        self.join = nn.Linear(features, features)

    def forward(self, steps: Tensor) -> Tensor:
        """Scaled dot product attention (eq. 1), heads side by side (§3.2.2)."""
        # (3, batch, heads, steps, features of a head)
        queries, keys, values = (
            self.project(steps).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        )
        dropout = self.dropout if self.training else 0.0
        gathered = functional.scaled_dot_product_attention(queries, keys, values, dropout_p=dropout)
        out: Tensor = self.join(gathered.transpose(1, 2).flatten(2))
        return out


class TransformerLayer(nn.Module):
    """Attention, then a feed-forward part for each step by itself, both added to what came in."""

    def __init__(self, features: int, heads: int, feed_forward: int, dropout: float) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(features)
        self.attention = SelfAttention(features, heads, dropout)
        self.feed_forward_norm = nn.LayerNorm(features)
        self.feed_forward = nn.Sequential(
            nn.Linear(features, feed_forward),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(feed_forward, features),
        )
        self.drop = nn.Dropout(dropout)

    def forward(self, steps: Tensor) -> Tensor:
        """(batch, steps, features) -> the same shape."""
        steps = steps + self.drop(self.attention(self.attention_norm(steps)))
        out: Tensor = steps + self.drop(self.feed_forward(self.feed_forward_norm(steps)))
        return out


def positions(like: Tensor) -> Tensor:
    """Sines and cosines (steps, features) of each step of `like` (batch, steps, features).

    Computed for the length at hand, not looked up: no length is too long (§3.5). Sines fill the
    first half of the features and cosines the second, which weights cannot tell from taking turns.
    """
    _, steps, features = like.shape
    half = features // 2
    rates = torch.exp(torch.arange(half, device=like.device) * (-math.log(_LONGEST_WAVE) / half))
    angles = torch.arange(steps, device=like.device)[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], dim=1)
