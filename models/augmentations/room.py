"""The reverberation of the room around a speaker."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.augmentations.processing.levels import at_power, power
from models.augmentations.processing.recordings import Recordings
from models.augmentations.processing.shoebox import draw_shoebox
from models.augmentations.processing.spectra import padded_length

LONGEST = 16_000  # samples of a measured response that are used: 1 s


def room(waveform: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """The waveform (samples,) in a simulated room, at its level, aligned with its direct sound."""
    return reverberate(waveform, draw_shoebox(rng).impulse_response())


@dataclass(frozen=True)
class MeasuredRoom:
    """The same with responses that somebody measured."""

    responses: Recordings

    def __call__(
        self, waveform: NDArray[np.float32], rng: np.random.Generator
    ) -> NDArray[np.float32]:
        """The waveform (samples,) in any of the rooms, its level and place in time kept."""
        return reverberate(waveform, from_direct_sound(self.responses.draw(rng)))


def reverberate(
    waveform: NDArray[np.float32], response: NDArray[np.float32]
) -> NDArray[np.float32]:
    """The waveform (samples,) through an impulse response (taps,), brought back to its level."""
    samples = padded_length(waveform.size + response.size)
    spectrum = np.fft.rfft(waveform, samples) * np.fft.rfft(response, samples)
    reverberated = np.fft.irfft(spectrum, samples)[: waveform.size]
    return at_power(reverberated.astype(np.float32), power(waveform))


def from_direct_sound(response: NDArray[np.float32]) -> NDArray[np.float32]:
    """A measured response (taps,) without the silence before its direct sound, the highest peak."""
    start = int(np.argmax(np.abs(response)))
    return response[start : start + LONGEST]
