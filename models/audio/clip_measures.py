"""Measures of one clip that the data checks look at: a few numbers and a hash."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.audio.acoustics import (
    FLOOR,
    FRAME,
    HOP,
    SAMPLE_RATE,
    Analysis,
    analyse,
    duration_s,
    leading_pause_s,
    level_dbfs,
    snr_db,
)

NEAR_PEAK = 0.98  # of the clip's own peak: a clipped clip stays one when it is made quieter
SILENT = -70.0  # dBFS of a frame without an offset: below the hiss of any microphone
OFFSET_BINS = 3  # of a spectrum, up to 78 Hz: where an offset is, widened by the taper
SPEECH_BAND = (100.0, 3_500.0)  # Hz
TREBLE_BAND = (4_600.0, 7_800.0)  # Hz: nothing of a telephone line, whatever filter ended it


@dataclass(frozen=True)
class Sound:
    """One clip, listened to."""

    digest: str  # SHA-256 of its 16-bit samples
    offset: float  # mean of the samples, in full scales
    values: dict[str, float]  # of MEASURES, the offset taken away


def listen(samples: NDArray[np.int16]) -> Sound:
    """Listen to 16-bit mono audio (samples,) at 16 kHz; some 2 ms for each second of it."""
    waveform = samples.astype(np.float64) / 32_768
    offset = float(waveform.mean())
    analysis = analyse(waveform - offset)
    values = {name: float(measure(analysis)) for name, measure in MEASURES.items()}
    return Sound(hashlib.sha256(samples.tobytes()).hexdigest(), offset, values)


def log_spectrum(samples: NDArray[np.int16]) -> NDArray[np.float32]:
    """Mean, then standard deviation over frames, of the logarithm of each power: (514,) in nats."""
    logs = np.log(analyse(samples.astype(np.float64) / 32_768).power + FLOOR)  # (frames, 257)
    return np.concatenate([logs.mean(axis=0), logs.std(axis=0)]).astype(np.float32)


def treble_db(analysis: Analysis) -> float:
    """Mean power above the telephone band over that of the speech band, in dB."""
    power = analysis.power.mean(axis=0)  # (257,)
    treble, speech = (_mean_within(power, band) for band in (TREBLE_BAND, SPEECH_BAND))
    return float(10 * np.log10((treble + FLOOR) / (speech + FLOOR)))


def clipped_share(analysis: Analysis) -> float:
    """Share of samples within 2 % of the clip's peak."""
    level = np.abs(analysis.waveform)
    return float(np.mean(level >= NEAR_PEAK * max(float(level.max()), FLOOR)))


def silent_share(analysis: Analysis) -> float:
    """Share of frames in which there is nothing; a constant is nothing."""
    share = analysis.power[:, OFFSET_BINS:].sum(axis=1) / (analysis.power.sum(axis=1) + FLOOR)
    return float(np.mean(analysis.levels + 10 * np.log10(share + FLOOR) < SILENT))


def trailing_pause_s(analysis: Analysis) -> float:
    """Seconds after the last active frame."""
    if not analysis.active.any():
        return 0.0
    return float(np.argmax(analysis.active[::-1])) * HOP / SAMPLE_RATE


def _mean_within(power: NDArray[np.float64], band: tuple[float, float]) -> float:
    hertz = np.fft.rfftfreq(FRAME, 1 / SAMPLE_RATE)  # (257,)
    return float(power[(hertz >= band[0]) & (hertz <= band[1])].mean())


MEASURES: dict[str, Callable[[Analysis], float]] = {
    "duration_s": duration_s,
    "treble_db": treble_db,
    "snr_db": snr_db,
    "clipped_share": clipped_share,
    "silent_share": silent_share,
    "level_dbfs": level_dbfs,
    "leading_pause_s": leading_pause_s,
    "trailing_pause_s": trailing_pause_s,
}
