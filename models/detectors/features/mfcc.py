"""Mel-frequency cepstral coefficients."""

from __future__ import annotations

from models.detectors.features.cepstrum import Cepstrum
from models.detectors.features.feature import FLOOR
from models.detectors.features.filters import NYQUIST, mel_filters
from models.detectors.features.power_spectrum import PowerSpectrum
from models.detectors.options import whole_number


class Mfcc(Cepstrum):
    """`coefficients` rows, then as many Δ and ΔΔ.

    The rows are those of torchaudio's `MFCC(log_mels=True)`. Its default, decibels above 80 below
    the loudest of a batch, would let one clip change another.

    Args: those of `Mel` and `Cepstrum`.
    """

    def __init__(
        self,
        *,
        coefficients: int = 20,
        bands: int = 40,
        frame: int = 400,
        hop: int = 160,
        fft: int = 512,
        window: str = "hann",
        lowest_hz: float = 0.0,
        highest_hz: float = NYQUIST,
        energy: bool = False,
        deltas: bool = True,
        delta_frames: int = 5,
        floor: float = FLOOR,
        pre_emphasis: float = 0.0,
    ) -> None:
        spectrum = PowerSpectrum(frame, hop, fft, window)
        count = whole_number("bands", bands, 1, 512)
        super().__init__(
            spectrum,
            mel_filters(count, spectrum.bins, lowest_hz, highest_hz),
            coefficients=coefficients,
            energy=energy,
            deltas=deltas,
            delta_frames=delta_frames,
            floor=floor,
            pre_emphasis=pre_emphasis,
        )
