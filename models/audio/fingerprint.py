"""Which two recordings are one: an acoustic fingerprint that codecs, gain and trimming leave alone.

After Haitsma & Kalker, "A Highly Robust Audio Fingerprinting System" (ISMIR 2002): a bit tells
whether the energy difference of two neighbouring bands rises or falls from a frame to the next.
Frames and bands are theirs made fit for short telephone speech: 256 ms every 16 ms, 33 bands from
300 to 3,000 Hz. Gain does not move such a bit, a codec moves few, and a part that was cut off is
found as a lag. Two recordings that have nothing in common differ in half of their bits.

Candidates are found by a signature of fixed size, the mean products of bits some frames apart,
which does not know where a recording begins.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from models.audio.reading import SAMPLE_RATE

Words = NDArray[np.uint32]  # (frames - 1,), a bit for each pair of neighbouring bands
Floats = NDArray[np.float32]

FRAME, HOP = 4096, 256  # samples
BITS = 32
LAGS = (0, 4, 8, 16)  # frames between the bits of a signature's products
FEWEST = 40  # words that must lie over one another: 0.9 s of sound
_EDGES = np.searchsorted(
    np.fft.rfftfreq(FRAME, 1 / SAMPLE_RATE), np.geomspace(300.0, 3000.0, BITS + 2)
)
_LOWEST, _HIGHEST = int(_EDGES[0]), int(_EDGES[-1])
_WINDOW = np.hanning(FRAME).astype(np.float32)
_FLOOR = np.float32(1e-10)  # of a band's energy: digital silence has bits too, all alike
_FRAMES_AT_ONCE = 1024


@dataclass(frozen=True)
class Overlay:
    """Two fingerprints where they agree best."""

    error_rate: float  # of bits, 0-1
    lag: int  # words by which the second begins later than the first
    words: int  # that lie over one another


def fingerprint(waveform: NDArray[np.float32]) -> Words:
    """Words of a waveform (samples,) at 16 kHz; none of one shorter than 272 ms."""
    if waveform.size < FRAME + HOP:
        return np.zeros(0, dtype=np.uint32)
    frames = np.lib.stride_tricks.sliding_window_view(waveform, FRAME)[::HOP]
    blocks = range(0, len(frames), _FRAMES_AT_ONCE)
    levels = np.concatenate([_levels(frames[at : at + _FRAMES_AT_ONCE]) for at in blocks])
    slopes = levels[:, :-1] - levels[:, 1:]
    rising = (slopes[1:] > slopes[:-1]).astype(np.uint32)
    words: Words = (rising << np.arange(BITS, dtype=np.uint32)).sum(axis=1, dtype=np.uint32)
    return words


def _levels(frames: Floats) -> Floats:
    """Log energy (frames, bands) of frames (frames, samples)."""
    spectra = fft.rfft(frames * _WINDOW, axis=1)[:, _LOWEST:_HIGHEST]  # scipy's stays float32
    power = spectra.real**2 + spectra.imag**2
    levels: Floats = np.log(np.add.reduceat(power, _EDGES[:-1] - _LOWEST, axis=1) + _FLOOR)
    return levels


def signature(words: Words) -> Floats:
    """A vector (4096,) of norm 1 by which fingerprints of any length are compared first."""
    signs = _signs(words)
    count = len(signs)
    parts = [
        signs[min(lag, count) :].T @ signs[: max(count - lag, 0)] / max(count - lag, 1)
        for lag in LAGS
    ]
    flat = np.concatenate([part.ravel() for part in parts])
    norm = float(np.linalg.norm(flat))
    scaled: Floats = (flat / norm if norm else flat).astype(np.float32)
    return scaled


def overlay(one: Words, other: Words) -> Overlay:
    """Where two fingerprints agree best, with FEWEST words or more over one another.

    An error rate of 1 where either is too short for that.
    """
    if min(one.size, other.size) < FEWEST:
        return Overlay(1.0, 0, 0)
    size = 1 << int(one.size + other.size - 1).bit_length()
    first, second = (fft.rfft(_signs(words).T.copy(), size, axis=1) for words in (one, other))
    agreement = fft.irfft((first * second.conj()).sum(axis=0), size)
    lags = np.arange(FEWEST - other.size, one.size - FEWEST + 1)
    words = np.minimum(one.size, lags + other.size) - np.maximum(lags, 0)
    rates = 0.5 - agreement[lags] / (2 * BITS * words)
    best = int(rates.argmin())
    return Overlay(float(rates[best]), int(lags[best]), int(words[best]))


def same_recording(overlaid: Overlay) -> bool:
    """Whether so few bits differ that chance cannot have done it.

    The bound is tighter where less lies over one another: 0.30 of 40 words, 0.35 of 120 or more.
    """
    bound = min(0.42 - 0.76 / math.sqrt(max(overlaid.words, 1)), 0.35)
    return overlaid.error_rate <= bound


def _signs(words: Words) -> Floats:
    """±1 (words, bits)."""
    bits = (words[:, None] >> np.arange(BITS, dtype=np.uint32)) & np.uint32(1)
    signs: Floats = bits.astype(np.float32) * 2 - 1
    return signs
