"""Whisper's spectrogram: log10 power in mel bands, eight decades below the loudest at most."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.detectors.features.feature import SAMPLE_RATE, full_precision
from models.detectors.features.power_spectrum import PowerSpectrum

FRAME, HOP = 400, 160  # samples: 25 ms every 10 ms
_LEAST_POWER = 1e-10
_DECADES = 8.0  # below the loudest band of the clip


class WhisperMel(nn.Module):
    """Waveforms (batch, samples) of 16 kHz -> (batch, bands, samples // 160), in float32.

    As published (`whisper/audio.py` of OpenAI's release): centred Hann frames of a mirrored
    waveform, the last of them dropped; Slaney's mel filters of equal area; the maximum that
    bounds the range from below is that of the clip. The one difference: a clip is not filled with
    silence to 30 s. Nothing here is learnt or stored.
    """

    filters: Tensor

    def __init__(self, bands: int) -> None:
        super().__init__()
        self.spectrum = PowerSpectrum(FRAME, HOP, FRAME)
        filters = slaney_filters(bands, self.spectrum.bins)
        self.register_buffer("filters", filters, persistent=False)

    def forward(self, waveforms: Tensor) -> Tensor:
        """The log-mel spectrogram, about -1.5 to 1.5, even where detectors compute in bf16."""
        with full_precision(waveforms.device.type):
            powers = self.filters @ self.spectrum(waveforms)[:, :, :-1]
            decades = torch.log10(powers.clamp_min(_LEAST_POWER))
            loudest = decades.amax(dim=(1, 2), keepdim=True)
            return (torch.maximum(decades, loudest - _DECADES) + 4.0) / 4.0


def slaney_filters(bands: int, bins: int) -> Tensor:
    """Triangular filters (bands, bins) over 0 Hz to 8 kHz, each with the same area.

    The mel scale is that of Slaney's Auditory Toolbox: linear up to 1 kHz, then logarithmic.
    """
    from torchaudio.functional import melscale_fbanks

    with torch.device("cpu"):  # torchaudio cannot compute where there are shapes alone
        bank: Tensor = melscale_fbanks(
            bins, 0.0, SAMPLE_RATE / 2, bands, SAMPLE_RATE, norm="slaney", mel_scale="slaney"
        )
    return bank.T.contiguous()
