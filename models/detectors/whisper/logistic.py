"""Logistic regression on frozen layers of Whisper's encoder and the spectrum: fitted in seconds.

Features are the mean and the standard deviation over time of each chosen layer, and statistics of
the log spectrum at a resolution that Whisper's mel bands do not have. A linear probe of frozen
features is a strong detector (arXiv 2309.05384). Parameters: 10,386,446 with the defaults, 20,494
of them behind the front.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from models.detectors.layers.moments import mean_and_deviation
from models.detectors.layers.spectral_statistics import SpectralStatistics
from models.detectors.logistic import LogisticDetector
from models.detectors.maps import MapLayer
from models.detectors.whisper.front import STEP, WhisperFront, WhisperOptions
from models.detectors.whisper.weights import take_pretrained
from models.errors import InputError

_SPECTROGRAM = {"frame": 512, "hop": 160, "fft": 512, "window": "hann", "floor": 1e-7}


class WhisperLogistic(LogisticDetector):
    """Statistics of layers that never learn, and one linear layer.

    Args (all of them options in params.yaml):
        size, sizes, layers: see `WhisperOptions`.
        spectrum: whether statistics of the log spectrum (512 points, every 10 ms) stand beside.
        passes, inverse_penalty: see `LogisticDetector`.
    """

    def __init__(
        self,
        *,
        size: str = "base",
        sizes: Mapping[str, int] | None = None,
        layers: Sequence[int] = (0, 1, 2, 3),
        spectrum: bool = True,
        passes: int = 1,
        inverse_penalty: float | None = None,
    ) -> None:
        super().__init__()
        options = WhisperOptions(size, sizes, layers, front_tuned="none")
        self.front = WhisperFront(options)
        if not isinstance(spectrum, bool):
            raise InputError(f"option spectrum: true or false expected, found {spectrum!r}")
        self.statistics = SpectralStatistics(dict(_SPECTROGRAM), slopes=True) if spectrum else None
        self.map = nn.Identity()  # what it hears is drawn by Grad-CAM
        self.build_answer(passes, inverse_penalty)

    @property
    def feature_dim(self) -> int:
        """Two statistics of every number of every layer, and those of the spectrum."""
        options = self.front.options
        layers = 2 * len(options.layers) * options.architecture.width
        return layers + (self.statistics.dimensions if self.statistics is not None else 0)

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
        """Means of all layers, their standard deviations, the spectrum: (batch, feature_dim)."""
        layers = torch.cat(self.front(waveforms), dim=2).transpose(1, 2)
        steps = self.map(layers[:, :, None]).squeeze(2)  # (batch, layers · width, steps)
        parts = [*mean_and_deviation(steps)]
        if self.statistics is not None:
            parts.append(self.statistics(waveforms))
        return torch.cat(parts, dim=1)
