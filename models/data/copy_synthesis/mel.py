"""Mel filters, and the log-mel spectrogram that neural vocoders speak from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.params.neural_vocoder import NeuralVocoderParams

# of Slaney's Auditory Toolbox (1998): linear up to 1 kHz, then even in the logarithm
_KNEE_HZ, _HZ_PER_MEL = 1_000.0, 200.0 / 3.0
_OCTAVES_PER_MEL = np.log(6.4) / 27.0


def log_mel(waveform: NDArray[np.float32], params: NeuralVocoderParams) -> NDArray[np.float32]:
    """Log-mel magnitudes (mels, samples // hop) of a waveform (samples,) at `how.sample_rate`.

    Frames under a Hann window, mirrored at the ends so that a hop lies in the middle of its frame,
    as in HiFi-GAN (arXiv 2010.05646) and its kin.
    """
    around = params.fft - params.hop
    padded = np.pad(waveform, (around // 2, around - around // 2), mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, params.fft)[:: params.hop]
    taper = np.hanning(params.fft + 1)[:-1].astype(np.float32)
    magnitudes = np.abs(np.fft.rfft(frames * taper, axis=1))  # (frames, bins)
    mel = np.maximum(magnitudes @ filters_for(params).T, params.floor)
    logs: NDArray[np.floating] = np.log(mel) if params.log == "natural" else np.log10(mel)
    return np.ascontiguousarray(logs.T, dtype=np.float32)


def filters_for(params: NeuralVocoderParams) -> NDArray[np.float32]:
    """Triangles (mels, bins): peaks of 1 on the scale of HTK, areas of 1 on that of Slaney."""
    count = params.mels + 2
    if params.mel_scale == "htk":
        corners = htk_corners(params.lowest_hz, params.highest_hz, count)
        return triangles(corners, params.sample_rate, params.fft).astype(np.float32)
    corners = slaney_corners(params.lowest_hz, params.highest_hz, count)
    widths = (corners[2:] - corners[:-2])[:, None]
    return (2.0 / widths * triangles(corners, params.sample_rate, params.fft)).astype(np.float32)


def htk_corners(lowest: float, highest: float, count: int) -> NDArray[np.float64]:
    """Frequencies (count,) in Hz, evenly spaced on the mel scale of O'Shaughnessy."""
    low, high = (2595.0 * np.log10(1.0 + end / 700.0) for end in (lowest, highest))
    corners: NDArray[np.float64] = 700.0 * (10.0 ** (np.linspace(low, high, count) / 2595.0) - 1.0)
    return corners


def slaney_corners(lowest: float, highest: float, count: int) -> NDArray[np.float64]:
    """Frequencies (count,) in Hz, evenly spaced on the mel scale of Slaney."""
    knee = _KNEE_HZ / _HZ_PER_MEL

    def mel(hz: float) -> float:
        above = np.log(max(hz, _KNEE_HZ) / _KNEE_HZ) / _OCTAVES_PER_MEL
        return min(hz, _KNEE_HZ) / _HZ_PER_MEL + float(above)

    mels = np.linspace(mel(lowest), mel(highest), count)
    above = np.exp(_OCTAVES_PER_MEL * np.maximum(mels - knee, 0.0))
    corners: NDArray[np.float64] = np.minimum(mels, knee) * _HZ_PER_MEL * above
    return corners


def triangles(corners: NDArray[np.float64], rate: int, fft: int) -> NDArray[np.float64]:
    """Triangles (corners - 2, bins) with peaks of 1, each from its corner to the next but one."""
    bins = np.fft.rfftfreq(fft, 1.0 / rate)
    low, centre, high = corners[:-2, None], corners[1:-1, None], corners[2:, None]
    rising, falling = (bins - low) / (centre - low), (high - bins) / (high - centre)
    return np.maximum(np.minimum(rising, falling), 0.0)
