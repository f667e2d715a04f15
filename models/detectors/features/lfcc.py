"""Linear-frequency cepstral coefficients, which resolve high frequencies as well as low ones."""

from __future__ import annotations

from models.detectors.features.cepstrum import Cepstrum
from models.detectors.features.feature import FLOOR
from models.detectors.features.filters import NYQUIST, linear_filters
from models.detectors.features.power_spectrum import PowerSpectrum
from models.detectors.options import whole_number


class Lfcc(Cepstrum):
    """`coefficients` rows, then as many Δ and ΔΔ (Sahidullah et al., Interspeech 2015).

    The rows are those of torchaudio's `LFCC(log_lf=True)`; see `Mfcc` for why not of its default.
    The frames are those of the ASVspoof baselines: 20 ms every 10 ms.

    Args: those of `Cepstrum` and `PowerSpectrum`, and
        filters: triangular, evenly in Hz from `lowest_hz` to `highest_hz`.
    """

    def __init__(
        self,
        *,
        coefficients: int = 20,
        filters: int = 20,
        frame: int = 320,
        hop: int = 160,
        fft: int = 1024,
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
        count = whole_number("filters", filters, 1, 512)
        super().__init__(
            spectrum,
            linear_filters(count, spectrum.bins, lowest_hz, highest_hz),
            coefficients=coefficients,
            energy=energy,
            deltas=deltas,
            delta_frames=delta_frames,
            floor=floor,
            pre_emphasis=pre_emphasis,
        )
