"""The worst point of each row that an attack has come by."""

from __future__ import annotations

import torch
from torch import Tensor


class Worst:
    """Waveforms (b, samples) and the error (b,) that the detector makes on them."""

    def __init__(self, waveforms: Tensor, error: Tensor | None = None) -> None:
        """Begin with points of a known error, or with some that anything else is worse than."""
        self.waveforms = waveforms
        self.error = torch.full_like(waveforms[:, 0], -torch.inf) if error is None else error

    def meet(self, waveforms: Tensor, error: Tensor) -> Tensor:
        """Keep the rows with a higher error; returns which these were (b,)."""
        rises = error > self.error
        self.waveforms = torch.where(rises[:, None], waveforms, self.waveforms)
        self.error = torch.where(rises, error, self.error)
        return rises
