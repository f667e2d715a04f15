"""Channels that hold another channel of the same recording: an echo, or a leak of the line.

Whoever is judged by one of two channels shall not be judged by the voice of the other.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BLOCK = 2**17  # samples at 16 kHz that are compared at once: 8 s
LATEST = 1_600  # samples by which a leak may be late: 100 ms
QUIETER = 4.0  # power of a channel over that of its leak: 6 dB; the same voice in both is no leak
ALIKE = 0.7  # correlation at the best delay: half of the power is the other channel's
FLOOR = 1e-12


def leaks(waveforms: NDArray[np.float32]) -> list[bool]:
    """Which of the waveforms (channels, samples) at 16 kHz are a quieter copy of another."""
    powers = np.square(waveforms, dtype=np.float64).mean(axis=1)  # (channels,)
    return [
        any(
            powers[other] > QUIETER * powers[channel]
            and _likeness(waveforms, channel, other) > ALIKE
            for other in range(len(waveforms))
        )
        for channel in range(len(waveforms))
    ]


def _likeness(waveforms: NDArray[np.float32], channel: int, other: int) -> float:
    """The largest correlation (0-1) of two channels, the first delayed by up to LATEST."""
    products = np.zeros(LATEST + 1)
    for start in range(0, waveforms.shape[1], BLOCK):
        spectra = [
            np.fft.rfft(waveforms[row, start : start + BLOCK], BLOCK + LATEST)
            for row in (channel, other)
        ]
        # positive lags: what comes later in the first
        products += np.fft.irfft(spectra[0] * spectra[1].conj(), BLOCK + LATEST)[: LATEST + 1]
    power = np.square(waveforms[[channel, other]], dtype=np.float64).sum(axis=1).prod()
    return float(np.abs(products).max() / np.sqrt(power + FLOOR))
