"""A mel spectrogram, and speech guessed from it: what early neural synthesisers ended with.

Phases are found as Perraudin, Balazs and Søndergaard do in "A fast Griffin-Lim algorithm" (2013).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from models.audio.reading import SAMPLE_RATE
from models.data.copy_synthesis.mel import htk_corners, triangles

FRAME, HOP = 1024, 256
BANDS = 80
ITERATIONS = 32
MOMENTUM = 0.99


def open_griffin_lim(_params: object) -> Callable[..., NDArray[np.float32]]:
    """The vocoder; nothing is set in params."""
    return griffin_lim


def griffin_lim(
    waveform: NDArray[np.float32], rng: np.random.Generator, *, bands: int = BANDS
) -> NDArray[np.float32]:
    """The copy-synthesis (samples,) of a recording (samples,) by way of mel bands."""
    filters = mel_filters(bands)
    mel = np.abs(_analyse(waveform)) @ filters.T
    magnitudes = np.maximum(mel @ np.linalg.pinv(filters).T, 0.0).astype(np.float32)
    phases = np.exp(2j * np.pi * rng.random(magnitudes.shape)).astype(np.complex64)
    before = np.zeros_like(phases)
    for _ in range(ITERATIONS):
        rebuilt = _analyse(_synthesise(magnitudes * phases, waveform.size))
        faster = rebuilt + np.float32(MOMENTUM) * (rebuilt - before)
        phases = faster / np.maximum(np.abs(faster), np.float32(1e-12))
        before = rebuilt
    return _synthesise(magnitudes * phases, waveform.size)


def mel_filters(bands: int = BANDS) -> NDArray[np.float32]:
    """Triangles (bands, bins) evenly spaced on the mel scale of O'Shaughnessy, 0 to 8 kHz."""
    corners = htk_corners(0.0, SAMPLE_RATE / 2, bands + 2)
    return triangles(corners, SAMPLE_RATE, FRAME).astype(np.float32)


def _analyse(waveform: NDArray[np.float32]) -> NDArray[np.complex64]:
    """Short-time spectra (frames, bins), frames centred on multiples of the hop."""
    padded = np.pad(waveform, (FRAME // 2, FRAME))
    frames = np.lib.stride_tricks.sliding_window_view(padded, FRAME)[: waveform.size + HOP : HOP]
    return np.fft.rfft(frames * _window(), axis=1).astype(np.complex64)


def _synthesise(spectra: NDArray[np.complex64], samples: int) -> NDArray[np.float32]:
    """The waveform (samples,) with the short-time spectra nearest to the given (frames, bins)."""
    frames = np.fft.irfft(spectra, FRAME, axis=1).astype(np.float32) * _window()
    out = _overlap_add(frames)
    weight = _overlap_add(np.broadcast_to(_window() ** 2, frames.shape))
    whole = out / np.maximum(weight, np.float32(1e-6))
    return np.ascontiguousarray(whole[FRAME // 2 : FRAME // 2 + samples])


def _overlap_add(frames: NDArray[np.float32]) -> NDArray[np.float32]:
    count, overlap = len(frames), FRAME // HOP
    out = np.zeros((count + overlap - 1, HOP), np.float32)
    for part in range(overlap):
        out[part : part + count] += frames[:, part * HOP : (part + 1) * HOP]
    return out.reshape(-1)


def _window() -> NDArray[np.float32]:
    return np.hanning(FRAME + 1)[:-1].astype(np.float32)
