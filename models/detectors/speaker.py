"""Logistic regression over what the early layers of a speaker recogniser say of a clip.

CAM++ was trained to tell speakers apart (arXiv 2303.00332; weights of 3D-Speaker). Its embedding,
which keeps the speaker and drops the rest, is of little use here; its early blocks still have the
details of a voice that a synthesiser misses.

Parameters: 3,676,194 with the defaults, 3,668,000 of them in the front; none is learnt by gradient.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from models.detectors.campplus.fbank import KaldiFbank
from models.detectors.campplus.network import BLOCKS, EMBEDDING, HEAD, Campplus
from models.detectors.campplus.weights import fill_campplus
from models.detectors.layers.moments import mean_and_deviation
from models.detectors.logistic import LogisticDetector
from models.errors import InputError


class Speaker(LogisticDetector):
    """Mean and standard deviation over time of the channels of one part of CAM++.

    Args (all of them options in params.yaml):
        block: the last part that is computed: `head`, 1, 2, 3 (before the layer that halves its
            channels), or `embedding`, which is taken as it is.
        passes, inverse_penalty: see `LogisticDetector`.
    """

    def __init__(
        self,
        *,
        block: int | str = 2,
        passes: int = 1,
        inverse_penalty: float | None = None,
    ) -> None:
        super().__init__()
        known = (HEAD, *BLOCKS, EMBEDDING)
        if isinstance(block, bool) or block not in known:
            names = ", ".join(map(str, known))
            raise InputError(f"option block: one of {names} expected, found {block!r}")
        self.block = block
        self.banks = KaldiFbank()
        self.front = Campplus(block).requires_grad_(False)
        self.front.eval()
        self.build_answer(passes, inverse_penalty)

    @property
    def feature_dim(self) -> int:
        """Two for each channel; one for each number of the embedding."""
        return self.front.channels * (1 if self.block == EMBEDDING else 2)

    @property
    def published_fronts(self) -> Sequence[str]:
        """CAM++, which is never learnt here."""
        return ("CAM++",)

    def take_pretrained(self, source: str) -> None:
        """Give the front the weights of a file of 3D-Speaker; raises InputError naming the file."""
        fill_campplus(self.front, source)

    def train(self, mode: bool = True) -> Speaker:
        """The front stays as it is when scoring: its batch norms keep their statistics."""
        super().train(mode)
        self.front.eval()
        return self

    def depth_groups(self) -> Sequence[Sequence[str]]:
        """The front, and the regression."""
        return [("front",), ("centre", "spread", "out_layer")]

    def features(self, waveforms: Tensor) -> Tensor:
        """Means, then standard deviations (batch, feature_dim)."""
        maps = self.front(self.banks(waveforms))  # (batch, channels, steps)
        if self.block == EMBEDDING:
            embedding: Tensor = maps[:, :, 0]
            return embedding
        return torch.cat(mean_and_deviation(maps), dim=1)
