"""Spectral subtraction: remove steady noise from a waveform before a detector gets it.

Boll, "Suppression of acoustic noise in speech using spectral subtraction" (1979), on power spectra;
over-subtraction by the SNR of a frame, and a floor, after Berouti, Schwartz and Makhoul,
"Enhancement of speech corrupted by acoustic noise" (1979), equations 3 and 4:

    P' = max(P − a N, floor · N)        a = over · (1 − 3/80 · SNR), SNR in −5 … 20 dB

P is the power of a frame at a frequency and N that of the noise; phases stay. Nobody says where
the pauses are: N is the mean over the quietest tenth of the frames. So what never pauses, a held
tone or a hum, is taken for noise.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FRAME, HOP = 512, 256  # samples: 32 and 16 ms
QUIET_SHARE = 0.1  # of the frames, which are taken for noise
SILENCE = 1e-9  # mean square, -90 dBFS: a gap in the recording, not its noise
LOWEST_DB, HIGHEST_DB = -5.0, 20.0  # SNR beyond which over-subtraction stays as it is
SLOPE = 3.0 / 80.0  # per dB, relative to what is subtracted at 0 dB: 1 is left at 20 dB of 4 at 0

# squared and overlapped by half they sum to one: what is not changed comes out as it went in
_TAPER = np.sin(np.pi * (np.arange(FRAME) + 0.5) / FRAME).astype(np.float32)


def subtract_noise(waveform: NDArray[np.float32], over: float, floor: float) -> NDArray[np.float32]:
    """The waveform (samples,) without its steady noise, as long and not delayed.

    `over` times the noise's power is subtracted where speech and noise are equally loud, and of the
    noise's power the share `floor` is left. A waveform without noise comes back as it is.
    """
    frames = _frames(waveform)
    spectra = np.fft.rfft(frames * _TAPER, axis=1)  # (frames, 257)
    powers = np.square(spectra.real) + np.square(spectra.imag)
    levels = np.mean(np.square(frames), axis=1)
    sounding = np.flatnonzero(levels > SILENCE)
    if sounding.size == 0:
        return waveform.astype(np.float32)
    quiet = sounding[np.argsort(levels[sounding], kind="stable")]
    noise = powers[quiet[: -(-sounding.size // round(1 / QUIET_SHARE))]].mean(axis=0)
    gains = _gains(powers, noise, over, floor)
    return _overlap_add(np.fft.irfft(spectra * gains, FRAME, axis=1) * _TAPER, waveform.size)


def _gains(
    powers: NDArray[np.float32], noise: NDArray[np.float32], over: float, floor: float
) -> NDArray[np.float32]:
    """What to multiply spectra (frames, bins) by; at most 1."""
    tiny = np.finfo(np.float32).tiny
    snr_db = 10.0 * np.log10(np.maximum(powers.sum(axis=1), tiny) / noise.sum())
    factor = over * (1.0 - SLOPE * np.clip(snr_db, LOWEST_DB, HIGHEST_DB))
    share = noise / np.maximum(powers, tiny)  # of the noise in what is heard
    power_gains = np.maximum(1.0 - factor[:, None] * share, floor * share)
    gains: NDArray[np.float32] = np.sqrt(np.minimum(power_gains, 1.0)).astype(np.float32)
    return gains


def _frames(waveform: NDArray[np.float32]) -> NDArray[np.float32]:
    """Frames (frames, 512) in which every sample lies twice; the ends are mirrored, not padded."""
    behind = HOP + -waveform.size % HOP
    padded = np.pad(waveform.astype(np.float32), (HOP, behind), mode="reflect")
    return np.lib.stride_tricks.sliding_window_view(padded, FRAME)[::HOP]


def _overlap_add(frames: NDArray[np.floating], samples: int) -> NDArray[np.float32]:
    """The waveform (samples,) of tapered frames."""
    halves = frames.astype(np.float32)
    out = halves[1:, :HOP] + halves[:-1, HOP:]
    return np.ascontiguousarray(out.reshape(-1)[:samples])
