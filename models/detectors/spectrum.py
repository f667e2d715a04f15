"""Logistic regression over the mean and spread of a log spectrum: the baseline of every table.

What it catches needs no listening: bandwidth, level, noise floor, the colour of a codec. A detector
that is not better than this on attacks that it never heard has learnt nothing that travels.

Parameters: 2,058 with the defaults, 4 × 514 + 2 of the regression; none is learnt by gradient.
"""

from __future__ import annotations

from torch import Tensor

from models.detectors.layers.spectral_statistics import SpectralStatistics
from models.detectors.logistic import LogisticDetector


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
        self.statistics = SpectralStatistics(
            {"frame": frame, "hop": hop, "fft": fft, "window": window, "floor": floor}, slopes=False
        )
        self.build_answer(passes, inverse_penalty)

    @property
    def feature_dim(self) -> int:
        """Two for each frequency."""
        return self.statistics.dimensions

    def features(self, waveforms: Tensor) -> Tensor:
        """Means, then standard deviations (batch, feature_dim), in nats."""
        statistics: Tensor = self.statistics(waveforms)
        return statistics
