"""Powers of a short-time Fourier transform, as one convolution with windowed sines and cosines.

`torch.stft` exports to an ONNX operator that ONNX Runtime runs and OpenVINO 2026.4 does not; a
convolution runs everywhere, and as frames are shorter than the transform it costs no more here.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from models.detectors.features.feature import LONGEST_FRAME, mirrored
from models.detectors.options import choice, even, whole_number

WINDOWS = {"hann": (0.5, 0.5), "hamming": (0.54, 0.46)}  # a - b cos(2πn / frame), periodic


class PowerSpectrum(nn.Module):
    """Waveforms (batch, samples) -> powers (batch, fft // 2 + 1, 1 + samples // hop).

    Equal to torchaudio's `Spectrogram(fft, frame, hop)`: centred frames of mirrored waveforms.

    Args:
        frame: samples under the window, even.
        hop: samples from a frame to the next.
        fft: samples of the transform, even and no fewer than those of a frame.
        window: `hann` or `hamming`.
    """

    bases: Tensor

    def __init__(self, frame: int, hop: int, fft: int, window: str = "hann") -> None:
        super().__init__()
        self.frame = even("frame", frame, 16, LONGEST_FRAME)
        self.hop = whole_number("hop", hop, 1, LONGEST_FRAME)
        self.fft = even("fft", fft, self.frame, 2 * LONGEST_FRAME)
        bases = fourier_bases(self.frame, self.fft, choice("window", window, WINDOWS))
        self.register_buffer("bases", torch.from_numpy(bases)[:, None], persistent=False)

    @property
    def bins(self) -> int:
        """Frequencies, from 0 Hz to half the sample rate."""
        return self.fft // 2 + 1

    def forward(self, waveforms: Tensor) -> Tensor:
        """Squared magnitudes of every frame's transform."""
        padded = mirrored(waveforms, self.frame // 2, self.frame // 2)
        return squared_magnitudes(functional.conv1d(padded, self.bases, stride=self.hop))


def squared_magnitudes(parts: Tensor) -> Tensor:
    """Powers (batch, n, frames) of n cosine parts followed by n sine parts (batch, 2n, frames)."""
    cosines, sines = parts.chunk(2, dim=1)
    return cosines.square() + sines.square()


def fourier_bases(frame: int, fft: int, window: str) -> NDArray[np.float32]:
    """Windowed cosines, then sines, of every frequency: (2 · (fft // 2 + 1), frame)."""
    time = np.arange(frame)
    angles = 2 * np.pi * (np.outer(np.arange(fft // 2 + 1), time) % fft) / fft
    bases = np.concatenate([np.cos(angles), np.sin(angles)]) * cosine_window(window, frame)
    return bases.astype(np.float32)


def cosine_window(window: str, frame: int) -> NDArray[np.float64]:
    """A periodic window (frame,), as torch's are."""
    mean, depth = WINDOWS[window]
    return np.asarray(mean - depth * np.cos(2 * np.pi * np.arange(frame) / frame))
