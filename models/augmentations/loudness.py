"""A platform that brings every clip to its own loudness."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.audio.reading import SAMPLE_RATE
from models.augmentations.processing.levels import full_scale
from models.augmentations.processing.spectra import shape_spectrum

QUIETEST_LUFS, LOUDEST_LUFS = -33.0, -14.0  # from a field recording to a music service
_BLOCK, _STEP = SAMPLE_RATE * 4 // 10, SAMPLE_RATE // 10  # 400 ms, every 100 ms
_GATE_LUFS, _RELATIVE_GATE = -70.0, 0.1  # blocks below, or 10 dB below their mean, do not count


def loudness(waveform: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """The waveform (samples,) at a loudness drawn evenly in LUFS, clipped at ±1.

    What is too quiet to have a loudness stays as it is.
    """
    wanted = rng.uniform(QUIETEST_LUFS, LOUDEST_LUFS)
    present = integrated_loudness(waveform)
    if present is None:
        return waveform.copy()
    return full_scale(waveform * np.float32(10.0 ** ((wanted - present) / 20.0)))


def integrated_loudness(waveform: NDArray[np.float32]) -> float | None:
    """LUFS of a mono waveform (samples,) by ITU-R BS.1770-4; None below -70."""
    weighted = shape_spectrum(waveform, _k_weighting)
    total = np.concatenate([[0.0], np.cumsum(np.square(weighted, dtype=np.float64))])
    block = min(_BLOCK, waveform.size)
    starts = np.arange(0, waveform.size - block + 1, _STEP)
    powers = (total[starts + block] - total[starts]) / block
    powers = powers[powers > 10.0 ** ((_GATE_LUFS + 0.691) / 10.0)]
    if not powers.size:
        return None
    powers = powers[powers > _RELATIVE_GATE * powers.mean()]
    return float(10.0 * np.log10(powers.mean()) - 0.691)


def _k_weighting(frequencies: NDArray[np.float64]) -> NDArray[np.float64]:
    """Gain (bins,) of the standard's two filters: the head's shelf and a high-pass.

    Their analogue prototypes, so that they hold at any sample rate: +4 dB above 1682 Hz with a
    quality of 0.7072, and 38.1 Hz with one of 0.5003.
    """
    s = 1j * np.maximum(frequencies, 1e-3)
    shelf_at, high_gain, middle = 1681.974, 10.0 ** (3.999844 / 20.0), 10.0 ** (2.0 / 20.0)
    quality = 0.7071752
    a = s / shelf_at
    shelf = (high_gain * a**2 + middle * a / quality + 1.0) / (a**2 + a / quality + 1.0)
    b = s / 38.13547
    return np.asarray(np.abs(shelf * b**2 / (b**2 + b / 0.5003270 + 1.0)))
