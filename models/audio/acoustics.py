"""What an utterance sounds like, in a few numbers that are watched in traffic.

None of them tells bona fide from spoof; they tell whether what arrives (channel, level, noise,
talkers) is still what the detector was judged on. Sources: short-time analysis as in Rabiner and
Schafer, "Theory and Applications of Digital Speech Processing" (2011), chapters 6 and 7.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

SAMPLE_RATE = 16_000  # Hz
FRAME = 512  # samples: 32 ms
HOP = 256
FLOOR = 1e-12  # of a mean square: -120 dBFS
FULL_SCALE = 0.99
ACTIVE_RANGE = 30.0  # dB under the loud frames within which a frame counts as active
NOISE_LIKE = 0.4  # spectral flatness: white noise has 0.56 in one periodogram, vowels under 0.1
BANDWIDTH_DROP = 50.0  # dB under the strongest band where a spectrum counts as ended
EDGE = 500.0  # Hz on each side of where a spectrum ends
LOWEST_F0, HIGHEST_F0 = 60.0, 400.0  # Hz
F0_FRAME = 320  # samples at 8 kHz: 40 ms, over two periods of the lowest voice
VOICED = 0.5  # normalised autocorrelation at the period

_FREQUENCIES = np.fft.rfftfreq(FRAME, 1 / SAMPLE_RATE)  # (257,) Hz
_TAPER = np.hanning(FRAME).astype(np.float32)
_GAIN = float(np.sum(_TAPER**2)) * FRAME / 2  # a full-scale sine has a power of 1/2 in its frame


@dataclass(frozen=True)
class Analysis:
    """What several quantities are computed from, once per utterance."""

    waveform: NDArray[np.float64]  # (samples,)
    power: NDArray[np.float64]  # (frames, 257) of each frame's spectrum
    levels: NDArray[np.float64]  # (frames,) dBFS
    active: NDArray[np.bool_]  # (frames,) holds sound that is near the loudest

    @property
    def spectrum(self) -> NDArray[np.float64]:
        """Long-term mean power spectrum (257,) of the active frames (all if none is)."""
        chosen = self.power[self.active] if self.active.any() else self.power
        return np.asarray(chosen.mean(axis=0))


def describe(waveform: NDArray[np.floating]) -> dict[str, float]:
    """Every quantity of ACOUSTICS, finite, for a mono waveform (samples,) at 16 kHz."""
    if waveform.ndim != 1 or waveform.size == 0:
        raise ValueError(f"a non-empty mono waveform expected, found shape {waveform.shape}")
    analysis = analyse(waveform)
    return {name: float(measure(analysis)) for name, measure in ACOUSTICS.items()}


def analyse(waveform: NDArray[np.floating]) -> Analysis:
    """Cut into frames of 32 ms every 16 ms; a shorter waveform is padded to one frame."""
    samples = waveform.astype(np.float64)
    padded = np.pad(waveform, (0, max(FRAME - len(waveform), 0))).astype(np.float32)
    frames = sliding_window_view(padded, FRAME)[::HOP]  # (frames, 512)
    spectra = np.fft.rfft(frames * _TAPER, axis=1)
    power = spectra.real.astype(np.float64) ** 2 + spectra.imag.astype(np.float64) ** 2
    power[:, 1:-1] *= 2  # the negative frequencies
    levels = 10 * np.log10(np.maximum(power.sum(axis=1) / (2 * _GAIN), FLOOR))
    return Analysis(samples, power, levels, levels > np.percentile(levels, 95) - ACTIVE_RANGE)


def duration_s(analysis: Analysis) -> float:
    """Length in seconds."""
    return len(analysis.waveform) / SAMPLE_RATE


def level_dbfs(analysis: Analysis) -> float:
    """Root mean square of the whole in dB relative to full scale; at least -120."""
    return float(10 * np.log10(max(float(np.mean(analysis.waveform**2)), FLOOR)))


def snr_db(analysis: Analysis) -> float:
    """Estimate: power of the louder frames over that of the quietest tenth; 0 to 80 dB."""
    low, high = (float(level) for level in np.percentile(analysis.levels, [10, 95]))
    power = 10 ** (analysis.levels / 10)
    noise = float(power[analysis.levels <= low].mean())
    louder = float(power[analysis.levels >= (low + high) / 2].mean())
    return float(np.clip(10 * np.log10(max(louder - noise, FLOOR) / noise), 0.0, 80.0))


def speech_ratio(analysis: Analysis) -> float:
    """Share of frames that are active and not noise-like; 0 to 1."""
    band = analysis.power[:, (_FREQUENCIES >= 100) & (_FREQUENCIES <= 4_000)]
    return float(np.mean(analysis.active & (_flatness(band) < NOISE_LIKE)))


def bandwidth_hz(analysis: Analysis) -> float:
    """Highest frequency at which the spectrum is within 50 dB of its strongest band."""
    decibels = _decibels(_smooth(analysis.spectrum))
    return float(_FREQUENCIES[np.flatnonzero(decibels >= decibels.max() - BANDWIDTH_DROP)[-1]])


def band_edge_db(analysis: Analysis) -> float:
    """How far the spectrum falls where it ends: steep for a codec or a resampler, which cut.

    Mean level of the 500 Hz below the bandwidth over that of the 500 Hz above; 0 where the
    spectrum reaches the top.
    """
    decibels, edge = _decibels(analysis.spectrum), bandwidth_hz(analysis)
    beyond = _FREQUENCIES - edge
    below = decibels[(beyond > -EDGE) & (beyond <= 0)]
    above = decibels[(beyond > 0) & (beyond <= EDGE)]
    return float(below.mean() - above.mean()) if above.size and below.size else 0.0


def spectral_centroid_hz(analysis: Analysis) -> float:
    """Mean frequency, weighted by power."""
    spectrum = analysis.spectrum
    return float(_FREQUENCIES @ spectrum / max(spectrum.sum(), FLOOR))


def spectral_tilt_db(analysis: Analysis) -> float:
    """Slope of the spectrum from 125 Hz to 4 kHz, in dB per octave."""
    band = (_FREQUENCIES >= 125) & (_FREQUENCIES <= 4_000)
    octaves = np.log2(_FREQUENCIES[band])
    octaves -= octaves.mean()
    return float(octaves @ _decibels(analysis.spectrum[band]) / (octaves @ octaves))


def spectral_flatness(analysis: Analysis) -> float:
    """Geometric over arithmetic mean of the spectrum: 1 for white noise, near 0 for a tone."""
    return float(_flatness(analysis.spectrum[None])[0])


def clipping(analysis: Analysis) -> float:
    """Share of samples at full scale."""
    return float(np.mean(np.abs(analysis.waveform) >= FULL_SCALE))


def crest_db(analysis: Analysis) -> float:
    """Peak over root mean square, in dB: low for clipped, limited or noise-like sound."""
    peak = np.max(np.abs(analysis.waveform))
    return float(20 * np.log10(max(peak, FLOOR**0.5))) - level_dbfs(analysis)


def dc_offset(analysis: Analysis) -> float:
    """Mean of the samples, in full scales."""
    return float(np.mean(analysis.waveform))


def zero_crossing_rate(analysis: Analysis) -> float:
    """Share of neighbouring samples that differ in sign; 0 to 1."""
    negative = np.signbit(analysis.waveform)
    return float(np.mean(negative[1:] != negative[:-1])) if negative.size > 1 else 0.0


def leading_pause_s(analysis: Analysis) -> float:
    """Seconds before the first active frame."""
    return float(np.argmax(analysis.active)) * HOP / SAMPLE_RATE if analysis.active.any() else 0.0


def f0_hz(analysis: Analysis) -> float:
    """Median fundamental frequency of the voiced frames, by autocorrelation; 0 where none is."""
    halved = analysis.waveform[: len(analysis.waveform) // 2 * 2].reshape(-1, 2).mean(axis=1)
    if len(halved) < F0_FRAME:
        return 0.0
    frames = sliding_window_view(halved, F0_FRAME)[:: F0_FRAME // 2]  # (frames, 320) at 8 kHz
    frames = frames - frames.mean(axis=1, keepdims=True)
    energy = (frames**2).mean(axis=1)
    frames = frames[energy > energy.max() * 10 ** (-ACTIVE_RANGE / 10)]
    spectra = np.fft.rfft(frames, 2 * F0_FRAME, axis=1)
    correlation = np.fft.irfft(np.abs(spectra) ** 2, axis=1)[:, :F0_FRAME]  # (frames, 320)
    low, high = int(SAMPLE_RATE / 2 / HIGHEST_F0), int(SAMPLE_RATE / 2 / LOWEST_F0)
    # untouched by its bias towards short lags, which keeps multiples of the period from winning
    lags = low + correlation[:, low:high].argmax(axis=1)
    rows = np.arange(len(lags))
    strength = correlation[rows, lags] / (correlation[:, 0] * (1 - lags / F0_FRAME) + FLOOR)
    voiced = strength > VOICED
    return float(np.median(SAMPLE_RATE / 2 / lags[voiced])) if voiced.any() else 0.0


def _flatness(power: NDArray[np.float64]) -> NDArray[np.float64]:
    """Geometric over arithmetic mean (frames,) of power (frames, bins)."""
    power = power + FLOOR
    return np.asarray(np.exp(np.log(power).mean(axis=1)) / power.mean(axis=1))


def _smooth(spectrum: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean over 3 bins (94 Hz), so that one tone or hum does not decide."""
    return np.convolve(spectrum, np.ones(3) / 3, mode="same")


def _decibels(power: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(10 * np.log10(power + FLOOR))


ACOUSTICS: dict[str, Callable[[Analysis], float]] = {
    "duration_s": duration_s,
    "level_dbfs": level_dbfs,
    "snr_db": snr_db,
    "speech_ratio": speech_ratio,
    "bandwidth_hz": bandwidth_hz,
    "band_edge_db": band_edge_db,
    "spectral_centroid_hz": spectral_centroid_hz,
    "spectral_tilt_db": spectral_tilt_db,
    "spectral_flatness": spectral_flatness,
    "clipping": clipping,
    "crest_db": crest_db,
    "dc_offset": dc_offset,
    "zero_crossing_rate": zero_crossing_rate,
    "leading_pause_s": leading_pause_s,
    "f0_hz": f0_hz,
}
