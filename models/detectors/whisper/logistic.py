"""Logistic regression on frozen layers of Whisper's encoder: fitted in seconds.

Features are the mean and the standard deviation over time of each chosen layer. A linear probe of
frozen features is a strong detector (arXiv 2309.05384). Parameters: 10,382,338 with the defaults,
16,386 of them behind the front.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from models.detectors.logistic import LogisticDetector
from models.detectors.maps import MapLayer
from models.detectors.whisper.front import STEP, WhisperFront, WhisperOptions
from models.detectors.whisper.weights import take_pretrained

_LEAST_VARIANCE = 1e-6  # a root has no gradient at 0


class WhisperLogistic(LogisticDetector):
    """Statistics of layers that never learn, and one linear layer.

    Args (all of them options in params.yaml):
        size, sizes, layers: see `WhisperOptions`.
        passes, inverse_penalty: see `LogisticDetector`.
    """

    def __init__(
        self,
        *,
        size: str = "base",
        sizes: Mapping[str, int] | None = None,
        layers: Sequence[int] = (0, 1, 2, 3),
        passes: int = 1,
        inverse_penalty: float | None = None,
    ) -> None:
        super().__init__()
        options = WhisperOptions(size, sizes, layers, front_tuned="none")
        self.front = WhisperFront(options)
        self.map = nn.Identity()  # what it hears is drawn by Grad-CAM
        self.build_answer(passes, inverse_penalty)

    @property
    def feature_dim(self) -> int:
        """Two statistics of every number of every layer."""
        options = self.front.options
        return 2 * len(options.layers) * options.architecture.width

    @property
    def wants_pretrained(self) -> bool:
        """The front does."""
        return True

    def take_pretrained(self, source: str) -> None:
        """Give the front published weights: see `models.detectors.whisper.weights`."""
        take_pretrained(self.front, source)

    def map_layer(self) -> MapLayer:
        """All layers at each step of 20 ms, as one row that is no frequency."""
        return MapLayer("map", STEP, 0.0)

    def features(self, waveforms: Tensor) -> Tensor:
        """Means of all layers, then standard deviations: (batch, feature_dim)."""
        layers = torch.cat(self.front(waveforms), dim=2).transpose(1, 2)
        steps = self.map(layers[:, :, None]).squeeze(2)  # (batch, layers · width, steps)
        mean = steps.mean(dim=2, keepdim=True)
        variance = (steps - mean).square().mean(dim=2)
        return torch.cat([mean.squeeze(2), torch.sqrt(variance + _LEAST_VARIANCE)], dim=1)
