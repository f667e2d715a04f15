"""Whether a recording is human speech, by numbers: enough of it is voiced, and it is no tone.

Effects, noise, laughter through a radio and choruses have too few periodic frames; beeps, hums and
held notes have too little change of level.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.audio.reading import SAMPLE_RATE

Waveform = NDArray[np.float32]

FRAME, HOP = 640, 160  # 40 ms every 10 ms
LAGS = range(SAMPLE_RATE // 500, SAMPLE_RATE // 70)  # pitches from 70 to 500 Hz
PERIODIC = 0.55  # of the autocorrelation at lag 0
ACTIVE_DB = 30.0  # frames this far below the loud ones are pauses
VOICED_SHARES = 0.25, 0.995
LEAST_CHANGE_DB = 3.0  # standard deviation of the level of active frames


@dataclass(frozen=True, slots=True)
class Voicing:
    """What the frames of a recording in which something sounds are like."""

    voiced_share: float
    level_change_db: float

    @property
    def is_speech(self) -> bool:
        """Whether both are as in human speech."""
        least, most = VOICED_SHARES
        return least <= self.voiced_share <= most and self.level_change_db >= LEAST_CHANGE_DB


def measure_voicing(waveform: Waveform) -> Voicing:
    """The voicing of a recording (samples,) at 16 kHz, of at least 40 ms."""
    frames = np.lib.stride_tricks.sliding_window_view(waveform, FRAME)[::HOP]
    power = np.mean(frames.astype(np.float64) ** 2, axis=1)
    active = power >= np.percentile(power, 95) * 10 ** (-ACTIVE_DB / 10)
    if not active.any() or not power.any():
        return Voicing(0.0, 0.0)
    levels = 10 * np.log10(power[active] + 1e-12)
    peaks = _periodicity(frames[active].astype(np.float64))
    return Voicing(float(np.mean(peaks >= PERIODIC)), float(levels.std()))


def _periodicity(frames: NDArray[np.float64]) -> NDArray[np.float64]:
    """The highest normalised autocorrelation (frames,) at the lags of a voice."""
    centred = frames - frames.mean(axis=1, keepdims=True)
    spectra = np.abs(np.fft.rfft(centred, 2 * FRAME, axis=1)) ** 2
    correlation = np.fft.irfft(spectra, axis=1)[:, : LAGS.stop]
    overlap = 1.0 - np.arange(LAGS.stop) / FRAME  # of the frame with itself, shifted
    normal = correlation / (correlation[:, :1] + 1e-12) / overlap
    return np.asarray(normal[:, LAGS.start :].max(axis=1))
