"""How rows change over frames, and how that changes (the Δ and ΔΔ of speech recognition)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.detectors.options import whole_number
from models.errors import InputError

ORDERS = 2  # Δ and ΔΔ


class Deltas(nn.Module):
    """Rows (batch, n, frames) -> the rows, their Δ and their ΔΔ, (batch, 3n, frames).

    Δ is the slope of the line of least squares through `width` frames, which is odd; the first
    and the last frame go on beyond the ends, as in torchaudio's `compute_deltas`.
    """

    slope: Tensor

    def __init__(self, width: int = 5) -> None:
        super().__init__()
        if whole_number("delta_frames", width, 3, 99) % 2 == 0:
            raise InputError(f"option delta_frames: an odd number expected, found {width}")
        self.reach = width // 2
        steps = torch.arange(-self.reach, self.reach + 1, dtype=torch.float32)
        slope = steps / steps.square().sum()
        self.register_buffer("slope", slope.reshape(1, 1, width), persistent=False)

    def forward(self, rows: Tensor) -> Tensor:
        """The rows, and below them their deltas."""
        first = self._change(rows)
        return torch.cat([rows, first, self._change(first)], dim=1)

    def _change(self, rows: Tensor) -> Tensor:
        padded = functional.pad(rows, (self.reach, self.reach), mode="replicate")
        rowwise = self.slope.expand(rows.shape[1], -1, -1)
        return functional.conv1d(padded, rowwise, groups=rows.shape[1])
