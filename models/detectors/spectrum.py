"""Logistic regression over the mean and spread of a log spectrum: the baseline of every table.

What it catches needs no listening: bandwidth, level, noise floor, the colour of a codec. A detector
that is not better than this on attacks that it never heard has learnt nothing that travels.

Parameters: 2,058 with the defaults, 4 × 514 + 2 of the regression; none is learnt by gradient.
"""

from __future__ import annotations

import torch
from torch import Tensor

from models.detectors.features import build_feature
from models.detectors.logistic import LogisticDetector

_LEAST_VARIANCE = 1e-8  # keeps the slope of the square root finite in silence


class Spectrum(LogisticDetector):
    """Mean and standard deviation over time of ln(power + floor) of each frequency.

    Args (all of them options in params.yaml):
        frame, hop, fft, window, floor: of the spectrogram, in samples.
        passes, inverse_penalty: see `LogisticDetector`.
    """

    def __init__(
        self,
        *,
        frame: int = 400,
        hop: int = 160,
        fft: int = 512,
        window: str = "hann",
        floor: float = 1e-6,
        passes: int = 1,
        inverse_penalty: float | None = None,
    ) -> None:
        super().__init__()
        self.spectrogram = build_feature(
            "spectrogram",
            {"frame": frame, "hop": hop, "fft": fft, "window": window, "floor": floor},
        )
        self.build_answer(passes, inverse_penalty)

    @property
    def feature_dim(self) -> int:
        """Two for each frequency."""
        return 2 * self.spectrogram.bins

    def features(self, waveforms: Tensor) -> Tensor:
        """Means, then standard deviations (batch, feature_dim), in nats."""
        rows = self.spectrogram(waveforms)  # (batch, bins, frames)
        mean = rows.mean(dim=2)
        variance = (rows - mean[:, :, None]).square().mean(dim=2)
        return torch.cat([mean, torch.sqrt(variance + _LEAST_VARIANCE)], dim=1)
