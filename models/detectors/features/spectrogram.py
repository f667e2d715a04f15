"""Log power of a short-time Fourier transform."""

from __future__ import annotations

import torch
from torch import Tensor

from models.detectors.features.feature import FLOOR, LEAST_FLOOR, Feature
from models.detectors.features.power_spectrum import PowerSpectrum
from models.detectors.options import number


class Spectrogram(Feature):
    """ln(power + floor) of each frequency, from 0 Hz up: fft // 2 + 1 rows.

    Args: those of `PowerSpectrum`, and
        floor: added to every power; the smaller, the more the quietest bins stand out.
    """

    def __init__(
        self,
        *,
        frame: int = 400,
        hop: int = 160,
        fft: int = 512,
        window: str = "hann",
        floor: float = FLOOR,
    ) -> None:
        super().__init__()
        self.spectrum = PowerSpectrum(frame, hop, fft, window)
        self.hop = self.spectrum.hop
        self.floor = number("floor", floor, LEAST_FLOOR, 1.0)

    @property
    def bins(self) -> int:
        """Frequencies."""
        return self.spectrum.bins

    def rows(self, waveforms: Tensor) -> Tensor:
        """(batch, fft // 2 + 1, frames)."""
        return torch.log(self.spectrum(waveforms) + self.floor)
