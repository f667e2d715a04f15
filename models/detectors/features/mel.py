"""Log powers in bands that are as wide as hearing resolves them."""

from __future__ import annotations

import torch
from torch import Tensor

from models.detectors.features.feature import FLOOR, LEAST_FLOOR, Feature
from models.detectors.features.filters import NYQUIST, mel_filters
from models.detectors.features.power_spectrum import PowerSpectrum
from models.detectors.options import number, whole_number


class Mel(Feature):
    """ln(power + floor) of each mel band, lowest first: `bands` rows.

    The powers are those of torchaudio's `MelSpectrogram`.

    Args: those of `PowerSpectrum`, and
        bands: triangular filters, evenly on the mel scale from `lowest_hz` to `highest_hz`.
        floor: added to every power.
    """

    filters: Tensor

    def __init__(
        self,
        *,
        bands: int = 80,
        frame: int = 400,
        hop: int = 160,
        fft: int = 512,
        window: str = "hann",
        lowest_hz: float = 0.0,
        highest_hz: float = NYQUIST,
        floor: float = FLOOR,
    ) -> None:
        super().__init__()
        self.spectrum = PowerSpectrum(frame, hop, fft, window)
        self.hop = self.spectrum.hop
        self.floor = number("floor", floor, LEAST_FLOOR, 1.0)
        count = whole_number("bands", bands, 1, 512)
        filters = mel_filters(count, self.spectrum.bins, lowest_hz, highest_hz)
        self.register_buffer("filters", filters, persistent=False)

    @property
    def bins(self) -> int:
        """Bands."""
        return self.filters.shape[0]

    def rows(self, waveforms: Tensor) -> Tensor:
        """(batch, bands, frames)."""
        return torch.log(self.filters @ self.spectrum(waveforms) + self.floor)
