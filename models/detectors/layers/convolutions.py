"""Convolutions over the rows and frames of a feature, as over a picture."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn


class ConvBlock(nn.Module):
    """Maps (batch, before, rows, frames) -> (batch, after, rows // 2, frames // 2).

    A single row stays one.
    """

    def __init__(self, before: int, after: int, rows: int, dropout: float) -> None:
        super().__init__()
        self.conv = nn.Conv2d(before, after, kernel_size=3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(after)
        # two dimensions even for one row: max_pool1d would fix the length of an exported graph
        self.pool = nn.MaxPool2d((min(rows, 2), 2))
        self.drop = nn.Dropout(dropout)

    def forward(self, maps: Tensor) -> Tensor:
        """Convolve, normalise, rectify, and keep the largest of every two rows and frames."""
        out: Tensor = self.drop(self.pool(self.norm(self.conv(maps)).relu()))
        return out


class ConvStack(nn.Module):
    """Maps (batch, channels, rows, frames) -> a sequence (batch, steps, features).

    Each of the blocks halves rows and frames; what is left of the rows lies side by side in
    `features`, so that a step still knows which row is which.
    """

    def __init__(self, channels: int, rows: int, widths: Sequence[int], dropout: float) -> None:
        super().__init__()
        blocks = []
        for before, after in pairwise((channels, *widths)):
            blocks.append(ConvBlock(before, after, rows, dropout))
            rows = max(rows // 2, 1)
        self.blocks = nn.Sequential(*blocks)
        self.features = widths[-1] * rows

    def forward(self, maps: Tensor) -> Tensor:
        """One vector for every 2^blocks frames."""
        out: Tensor = self.blocks(maps).flatten(1, 2).transpose(1, 2)
        return out
