"""What a log spectrum is like over a whole clip, whatever is said in it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from models.detectors.features import build_feature
from models.detectors.layers.moments import mean_and_deviation


class SpectralStatistics(nn.Module):
    """Waveforms (batch, samples) -> statistics (batch, `dimensions`) of ln(power + floor), in nats.

    Of each frequency: the mean and the standard deviation over time. With `slopes` also the mean
    step from a frame to the next and from a frequency to the next, both without their signs: what
    smooths a spectrum in time or in frequency, as vocoders do, makes them smaller.

    Args:
        spectrogram: frame, hop, fft, window and floor, in samples.
    """

    def __init__(self, spectrogram: dict[str, Any], *, slopes: bool) -> None:
        super().__init__()
        self.spectrogram = build_feature("spectrogram", spectrogram)
        self.slopes = slopes

    @property
    def dimensions(self) -> int:
        """Two for each frequency; with slopes, one more for each and for each pair of them."""
        bins = self.spectrogram.bins
        return 4 * bins - 1 if self.slopes else 2 * bins

    def forward(self, waveforms: Tensor) -> Tensor:
        """Means, standard deviations, steps in time, steps in frequency."""
        rows = self.spectrogram(waveforms)  # (batch, bins, frames)
        statistics = [*mean_and_deviation(rows)]
        if self.slopes:
            in_time = (rows[:, :, 1:] - rows[:, :, :-1]).abs().mean(dim=2)
            in_frequency = (rows[:, 1:] - rows[:, :-1]).abs().mean(dim=2)
            statistics += [in_time, in_frequency]
        return torch.cat(statistics, dim=1)
