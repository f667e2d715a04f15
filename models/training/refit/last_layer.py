"""The linear layer that turns an embedding into logits, as numbers that can be fitted anew."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.errors import InputError

SPOOF, BONAFIDE = 0, 1  # the order of the logits


@dataclass(frozen=True)
class LastLayer:
    """Logits (n, 2) of embeddings (n, d): embeddings @ weight.T + bias."""

    weight: NDArray[np.float32]  # (2, d)
    bias: NDArray[np.float32]  # (2,)

    def __post_init__(self) -> None:
        """Raise InputError where the shapes are not those of such a layer."""
        if self.weight.ndim != 2 or len(self.weight) != 2 or self.bias.shape != (2,):
            raise InputError(
                "a last layer of weight (2, d) and bias (2,) expected, found "
                f"{self.weight.shape} and {self.bias.shape}"
            )

    @property
    def direction(self) -> NDArray[np.float64]:
        """What a cm_score is per unit of each embedding dimension, (d,)."""
        weight = self.weight.astype(np.float64)
        return weight[BONAFIDE] - weight[SPOOF]

    @property
    def offset(self) -> float:
        """The cm_score of an embedding of zeros."""
        return float(self.bias[BONAFIDE]) - float(self.bias[SPOOF])

    def cm_scores(self, embeddings: NDArray[np.floating]) -> NDArray[np.float64]:
        """cm_scores (n,) of embeddings (n, d): higher is more bona fide."""
        scores: NDArray[np.float64] = embeddings.astype(np.float64) @ self.direction + self.offset
        return scores

    def moved(self, direction: NDArray[np.float64], offset: float) -> LastLayer:
        """The layer whose cm_scores are larger by embeddings @ direction + offset.

        Half of it goes to the bona fide logit, half is taken from the spoof logit.
        """
        change = np.stack([-direction, direction]) / 2
        return LastLayer(
            (self.weight.astype(np.float64) + change).astype(np.float32),
            (self.bias.astype(np.float64) + np.array([-offset, offset]) / 2).astype(np.float32),
        )
