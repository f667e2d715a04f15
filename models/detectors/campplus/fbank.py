"""Kaldi's filter banks inside the graph: what CAM++ was trained on."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from models.detectors.features.feature import SAMPLE_RATE, full_precision
from models.detectors.features.power_spectrum import squared_magnitudes

BANDS = 80
FRAME, HOP, FFT = 400, 160, 512  # samples
_LOWEST_HZ = 20.0
_PREEMPHASIS = 0.97
_WINDOW_POWER = 0.85  # of a Hann window: Kaldi's window "povey"
_FLOOR = float(np.finfo(np.float32).eps)  # of a band's power


class KaldiFbank(nn.Module):
    """Waveforms (batch, samples) of 16 kHz -> (batch, 80, frames), in float32.

    `torchaudio.compliance.kaldi.fbank` with 80 bands and no dither, less the mean of each band over
    the clip. There are 1 + (samples - 400) // 160 frames, all of them inside the clip. Removing the
    offset of a frame, its pre-emphasis, the window and the Fourier transform are one linear map,
    computed as one convolution. Nothing here is learnt or stored.
    """

    bases: Tensor
    filters: Tensor

    def __init__(self) -> None:
        super().__init__()
        bases = torch.from_numpy(_frame_bases().astype(np.float32))[:, None]
        self.register_buffer("bases", bases, persistent=False)
        self.register_buffer("filters", _filters(), persistent=False)

    def forward(self, waveforms: Tensor) -> Tensor:
        """ln(power) of each band, its mean 0, even where detectors compute in bf16."""
        with full_precision(waveforms.device.type):
            parts = functional.conv1d(waveforms[:, None], self.bases, stride=HOP)
            powers = self.filters @ squared_magnitudes(parts)
            logs = torch.log(powers.clamp_min(_FLOOR))
            return logs - logs.mean(dim=2, keepdim=True)


def _frame_bases() -> NDArray[np.float64]:
    """(512, 400): real, then imaginary parts of 256 frequencies of a frame, as Kaldi computes them.

    The frequency of half the sample rate is left out, which no band has.
    """
    centred = np.eye(FRAME) - 1.0 / FRAME
    emphasised = centred.copy()
    emphasised[1:] -= _PREEMPHASIS * centred[:-1]
    emphasised[0] -= _PREEMPHASIS * centred[0]  # the first sample has itself before it
    time = np.arange(FRAME)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * time / (FRAME - 1))
    angles = 2 * np.pi * (np.outer(np.arange(FFT // 2), time) % FFT) / FFT
    waves = np.concatenate([np.cos(angles), np.sin(angles)]) * hann**_WINDOW_POWER
    return np.asarray(waves @ emphasised)


def _filters() -> Tensor:
    """Triangles (80, 256) on Kaldi's mel scale, from 20 Hz to half the sample rate."""
    from torchaudio.compliance.kaldi import get_mel_banks

    with torch.device("cpu"):  # torchaudio cannot compute where there are shapes alone
        nyquist = SAMPLE_RATE / 2
        bank: Tensor = get_mel_banks(
            BANDS, FFT, SAMPLE_RATE, _LOWEST_HZ, nyquist, 100.0, -500.0, 1.0
        )[0]
    return bank
