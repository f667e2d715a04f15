"""Masks on a feature in training, after SpecAugment (arXiv 1904.08779, §2)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

MASKS = 2  # in frequency and in time each, as in the paper's policies LD and SM


class SpectralMasks(nn.Module):
    """Hides neighbouring rows and neighbouring frames of (batch, rows, frames), in training only.

    Each clip has masks of its own. What is hidden becomes 0: the mean, where rows are normalised.
    Time is not warped, which the paper found to matter least.
    """

    def __init__(self, rows: int, share: float) -> None:
        """Masks of at most `rows` rows (F of the paper) and `share` of the frames (p)."""
        super().__init__()
        self.rows = rows
        self.share = share

    def forward(self, feature: Tensor) -> Tensor:
        """The feature; in training with the masked rows and frames set to zero."""
        if not self.training or not (self.rows or self.share):
            return feature
        batch, rows, frames = feature.shape
        for _ in range(MASKS):
            hidden = _stretches(batch, rows, self.rows, feature.device)
            feature = feature.masked_fill(hidden[:, :, None], 0.0)
            hidden = _stretches(batch, frames, int(self.share * frames), feature.device)
            feature = feature.masked_fill(hidden[:, None], 0.0)
        return feature


def _stretches(batch: int, size: int, widest: int, device: torch.device) -> Tensor:
    """True (batch, size) in one stretch of 0 to `widest` places a clip, widths and places even."""
    width = (torch.rand(batch, 1, device=device) * (widest + 1)).floor()
    first = (torch.rand(batch, 1, device=device) * (size - width + 1)).floor()
    place = torch.arange(size, device=device)
    return (first <= place) & (place < first + width)
