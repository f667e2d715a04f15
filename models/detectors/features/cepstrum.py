"""Cepstral coefficients of a bank of filters: what MFCC and LFCC share."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.detectors.features.deltas import ORDERS, Deltas
from models.detectors.features.feature import LEAST_FLOOR, Feature
from models.detectors.features.power_spectrum import PowerSpectrum
from models.detectors.options import flag, number, whole_number


class Cepstrum(Feature):
    """The cosine transform (DCT-II, orthonormal) of log powers over a bank, and its deltas.

    Args:
        spectrum: the powers that the filters weigh.
        filters: (n, bins of the spectrum).
        coefficients: kept of n, lowest first.
        energy: the first coefficient gives way to the log of the whole frame's power.
        deltas: Δ and ΔΔ follow, of `delta_frames` frames each.
        floor: added to powers before their logarithm.
        pre_emphasis: share of each sample that is taken off the next one; 0 for none.
    """

    filters: Tensor
    cosines: Tensor

    def __init__(
        self,
        spectrum: PowerSpectrum,
        filters: Tensor,
        *,
        coefficients: int,
        energy: bool,
        deltas: bool,
        delta_frames: int,
        floor: float,
        pre_emphasis: float,
    ) -> None:
        super().__init__()
        from torchaudio.functional import create_dct

        self.spectrum, self.hop = spectrum, spectrum.hop
        self.energy = flag("energy", energy)
        self.floor = number("floor", floor, LEAST_FLOOR, 1.0)
        self.pre_emphasis = number("pre_emphasis", pre_emphasis, 0.0, 1.0)
        count = whole_number("coefficients", coefficients, 1, len(filters))
        cosines = create_dct(count, len(filters), norm="ortho").T.contiguous()
        self.register_buffer("filters", filters, persistent=False)
        self.register_buffer("cosines", cosines, persistent=False)  # (coefficients, filters)
        with_deltas = flag("deltas", deltas)
        self.deltas: nn.Module = Deltas(delta_frames) if with_deltas else nn.Identity()
        self._bins = count * (1 + ORDERS if with_deltas else 1)

    @property
    def bins(self) -> int:
        """Coefficients, three times where there are deltas."""
        return self._bins

    def rows(self, waveforms: Tensor) -> Tensor:
        """(batch, coefficients, frames); with deltas, Δ and ΔΔ below."""
        powers = self.spectrum(emphasised(waveforms, self.pre_emphasis))
        cepstrum = self.cosines @ torch.log(self.filters @ powers + self.floor)
        if self.energy:
            whole = powers.sum(dim=1, keepdim=True) / self.spectrum.fft
            cepstrum = torch.cat([torch.log(whole + self.floor), cepstrum[:, 1:]], dim=1)
        out: Tensor = self.deltas(cepstrum)
        return out


def emphasised(waveforms: Tensor, share: float) -> Tensor:
    """Waveforms (batch, samples) with high frequencies raised; the first sample stays."""
    if share == 0.0:
        return waveforms
    return torch.cat([waveforms[:, :1], waveforms[:, 1:] - share * waveforms[:, :-1]], dim=1)
