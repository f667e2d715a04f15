"""A phase vocoder: slower and back again, as software changes the pace of a recording.

Flanagan and Golden, "Phase vocoder" (1966); Laroche and Dolson, "Improved phase vocoder time-scale
modification of audio" (1999), without phase locking.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from models.augmentations.processing.lengths import cut_or_pad

FRAME, HOP = 512, 128
STRETCHES = 1.2, 1.5  # how much slower, drawn


def open_phase_vocoder(_params: object) -> Callable[..., NDArray[np.float32]]:
    """The vocoder; nothing is set in params."""
    return phase_vocoder


def phase_vocoder(waveform: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """The recording (samples,) at 16 kHz after two changes of pace that cancel."""
    slower = float(rng.uniform(*STRETCHES))
    copied = stretch(stretch(waveform, slower), 1.0 / slower)
    return cut_or_pad(copied, waveform.size)


def stretch(waveform: NDArray[np.float32], factor: float) -> NDArray[np.float32]:
    """A waveform (samples,) that takes `factor` times as long, (about factor · samples,)."""
    spectra = _analyse(waveform)
    steps = np.arange(0, len(spectra) - 1, 1.0 / factor)
    expected = 2.0 * np.pi * HOP * np.arange(FRAME // 2 + 1) / FRAME
    phases = np.angle(spectra)
    moves = np.diff(phases, axis=0) - expected
    moves = expected + moves - 2.0 * np.pi * np.round(moves / (2.0 * np.pi))
    before = steps.astype(int)
    share = (steps - before)[:, None]
    magnitudes = (1.0 - share) * np.abs(spectra[before]) + share * np.abs(spectra[before + 1])
    turned = phases[0] + np.concatenate([0.0 * expected[None], np.cumsum(moves[before], axis=0)])
    rebuilt = magnitudes * np.exp(1j * turned[:-1])
    return _synthesise(rebuilt, round(waveform.size * factor))


def _analyse(waveform: NDArray[np.float32]) -> NDArray[np.complex128]:
    padded = np.pad(waveform, (FRAME // 2, FRAME + FRAME // 2))
    frames = np.lib.stride_tricks.sliding_window_view(padded, FRAME)[::HOP]
    return np.fft.rfft(frames * np.hanning(FRAME + 1)[:-1], axis=1)


def _synthesise(spectra: NDArray[np.complex128], samples: int) -> NDArray[np.float32]:
    window = np.hanning(FRAME + 1)[:-1]
    frames = np.fft.irfft(spectra, FRAME, axis=1) * window
    out = np.zeros((len(frames) - 1) * HOP + FRAME)
    weight = np.zeros_like(out)
    for number, frame in enumerate(frames):
        out[number * HOP : number * HOP + FRAME] += frame
        weight[number * HOP : number * HOP + FRAME] += window**2
    whole = (out / np.maximum(weight, 1e-3))[FRAME // 2 :][:samples]
    return np.pad(whole, (0, samples - whole.size)).astype(np.float32)
