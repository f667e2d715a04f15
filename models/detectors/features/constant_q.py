"""A transform with bins evenly spaced in pitch, each as many periods long (Brown, 1991)."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from models.detectors.features.feature import SAMPLE_RATE
from models.detectors.features.power_spectrum import cosine_window, squared_magnitudes
from models.detectors.options import number, whole_number
from models.errors import InputError


class ConstantQ(nn.Module):
    """Waveforms (batch, samples) -> powers (batch, octaves · per_octave, 1 + samples // hop).

    Computed as it is defined, at the full rate and an octave at a time: kernels of an octave are
    as long as its lowest needs. Kernels have unit energy, so that white noise is as loud in
    every bin. Beyond the ends of a waveform there is silence: low kernels may be longer than it.

    Args:
        lowest_hz: centre of the first bin.
        octaves: above it.
        per_octave: bins.
        hop: samples from a frame to the next.
    """

    def __init__(self, lowest_hz: float, octaves: int, per_octave: int, hop: int) -> None:
        super().__init__()
        lowest = number("lowest_hz", lowest_hz, 20.0, SAMPLE_RATE / 4)
        self.hop = whole_number("hop", hop, 1, 8_000)
        self.octaves = whole_number("octaves", octaves, 1, 9)
        self.per_octave = whole_number("per_octave", per_octave, 1, 96)
        highest = lowest * 2 ** (self.octaves - 1 / self.per_octave)
        if highest > SAMPLE_RATE / 2:
            raise InputError(
                f"option octaves: bins up to {SAMPLE_RATE / 2:g} Hz expected, "
                f"found one at {highest:.0f} Hz"
            )
        for octave in range(self.octaves):
            kernels = octave_kernels(lowest * 2.0**octave, self.per_octave)
            tensor = torch.from_numpy(kernels)[:, None]  # (2 · per_octave, 1, length)
            self.register_buffer(f"kernels{octave}", tensor, persistent=False)

    @property
    def bins(self) -> int:
        """Pitches."""
        return self.octaves * self.per_octave

    def forward(self, waveforms: Tensor) -> Tensor:
        """Squared magnitudes, lowest pitch first."""
        return torch.cat([self._octave(waveforms, octave) for octave in range(self.octaves)], dim=1)

    def _octave(self, waveforms: Tensor, octave: int) -> Tensor:
        kernels = self.get_buffer(f"kernels{octave}")
        reach = kernels.shape[2] // 2  # kernels are odd: a frame is centred at its sample
        padded = functional.pad(waveforms[:, None], (reach, reach + 1))
        return squared_magnitudes(functional.conv1d(padded, kernels, stride=self.hop))


def octave_kernels(lowest_hz: float, per_octave: int) -> NDArray[np.float32]:
    """Hann-windowed cosines, then sines, of an octave's pitches: (2 · per_octave, length)."""
    pitches = lowest_hz * 2.0 ** (np.arange(per_octave) / per_octave)
    periods = 1 / (2 ** (1 / per_octave) - 1)  # Q: neighbours meet half way
    lengths = [2 * int(periods * SAMPLE_RATE / pitch / 2) + 1 for pitch in pitches]
    kernels = np.zeros((2, per_octave, lengths[0]))
    for row, (pitch, length) in enumerate(zip(pitches, lengths, strict=True)):
        time = np.arange(length) - length // 2
        window = cosine_window("hann", length + 1)[1:]  # symmetric, without its zeros
        window /= np.linalg.norm(window)
        angles = 2 * np.pi * pitch / SAMPLE_RATE * time
        place = lengths[0] // 2 + time
        kernels[0, row, place] = window * np.cos(angles)
        kernels[1, row, place] = window * np.sin(angles)
    return kernels.reshape(2 * per_octave, -1).astype(np.float32)
