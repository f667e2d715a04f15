"""Away with what separates human from synthetic speech without listening.

Bandwidth, leading and trailing silence, level, long-term spectrum, noise floor and codec would be
shortcuts: a logistic regression on the mean spectrum finds them. Both classes get the same band,
trimming, level and last codec; a synthetic utterance is lent the rest by a human recording.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from flows.demo.corpora.round_trips import CODECS, g722
from models.audio.reading import SAMPLE_RATE

Waveform = NDArray[np.float32]
Spectrum = NDArray[np.float64]

LOW_HZ, HIGH_HZ = 60.0, 7_000.0  # what every source has
EDGE_HZ = 40.0, 300.0  # widths of the two slopes
SHORTEST_S, LONGEST_S = 0.8, 12.0
LEVEL_DBFS = -26.0  # RMS while somebody speaks
SPEECH_DB = 30.0  # frames this far below the loud ones are no speech
MARGIN_S = 0.05  # of background kept before and after speech
GAIN_DB = 20.0  # a channel lends at most this much, either way
QUIET_SHARE = 0.05  # of the frames, taken as the noise floor; prompts come without pauses
FRAME, HOP = 1024, 256
WINDOW = np.hanning(FRAME)


def band_limit(waveform: Waveform) -> Waveform:
    """Keep 60 Hz to 7 kHz, with raised-cosine slopes; (samples,) in and out."""
    size = _transform_size(len(waveform))
    spectrum = np.fft.rfft(waveform, size)
    hertz = np.fft.rfftfreq(size, 1 / SAMPLE_RATE)
    rise = np.clip((hertz - LOW_HZ + EDGE_HZ[0]) / EDGE_HZ[0], 0, 1)
    fall = np.clip((HIGH_HZ + EDGE_HZ[1] - hertz) / EDGE_HZ[1], 0, 1)
    gain = np.sin(rise * np.pi / 2) ** 2 * np.sin(fall * np.pi / 2) ** 2
    return np.fft.irfft(spectrum * gain, size)[: len(waveform)].astype(np.float32)


def trim(waveform: Waveform) -> Waveform:
    """Cut what comes before and after speech, up to a margin of background."""
    size, hop = SAMPLE_RATE // 50, SAMPLE_RATE // 100  # 20 ms every 10 ms
    frames = _frames(waveform, size, hop)
    spoken = np.flatnonzero(_spoken(np.mean(frames**2, axis=1)))
    margin = round(MARGIN_S * SAMPLE_RATE)
    start = max(0, int(spoken[0]) * hop - margin)
    return waveform[start : int(spoken[-1]) * hop + size + margin]


def to_level(waveform: Waveform) -> Waveform:
    """To −26 dBFS while somebody speaks, lower only where it would clip."""
    power = np.mean(_frames(waveform, FRAME, HOP) ** 2, axis=1)
    level = np.sqrt(power[_spoken(power)].mean())
    gain: float = min(10 ** (LEVEL_DBFS / 20) / level, 0.99 / np.abs(waveform).max())
    return np.asarray(waveform * gain, dtype=np.float32)


def usable(waveform: Waveform) -> bool:
    """Whether an utterance has the length of an utterance, and sound in it."""
    seconds = len(waveform) / SAMPLE_RATE
    return SHORTEST_S <= seconds <= LONGEST_S and bool(np.ptp(waveform) > 1e-3)


def match_human(recording: Waveform) -> Waveform | None:
    """A human recording as it enters the corpus; None where it is no usable utterance."""
    if not usable(recording):
        return None
    return _finish(band_limit(recording))


def match_synthetic(synthetic: Waveform, donor: Waveform, codec: str, seed: int) -> Waveform | None:
    """A synthetic utterance with the channel, noise floor and codec of a donor recording.

    Both are (samples,) at 16 kHz. None where either is no usable utterance.
    """
    if not usable(synthetic) or not usable(donor):
        return None
    synthetic, donor = trim(band_limit(synthetic)), band_limit(donor)
    lent = lend_noise(lend_channel(synthetic, donor), donor, seed)
    return _finish(band_limit(CODECS[codec](to_level(lent))))


def _finish(waveform: Waveform) -> Waveform | None:
    """The steps that both classes end with: trimming, level and one codec for all."""
    waveform = trim(waveform)
    if not usable(waveform):
        return None
    return to_level(g722(to_level(waveform)))


def lend_channel(waveform: Waveform, donor: Waveform) -> Waveform:
    """Filter a waveform until its long-term spectrum, in thirds of octaves, is the donor's."""
    ratio = _smooth(speech_spectrum(donor)) / _smooth(speech_spectrum(waveform))
    decibel = 10 * np.log10(ratio)
    decibel -= np.median(decibel[_in_band()])
    gain = 10 ** (np.clip(decibel, -GAIN_DB, GAIN_DB) / 20)
    return _filter(waveform, gain)


def lend_noise(waveform: Waveform, donor: Waveform, seed: int) -> Waveform:
    """Add noise with the spectrum of the donor's pauses, as far below speech as it is there."""
    floor = noise_spectrum(donor) / speech_spectrum(donor).sum() * speech_spectrum(waveform).sum()
    white = np.random.default_rng(seed).standard_normal(len(waveform)).astype(np.float32)
    return waveform + _filter(white, np.sqrt(floor / np.sum(WINDOW**2)))


def speech_spectrum(waveform: Waveform) -> Spectrum:
    """Mean power spectrum (513,) of the frames in which somebody speaks."""
    power = _power(waveform)
    return np.asarray(power[_spoken(power.sum(axis=1))].mean(axis=0) + 1e-12)


def noise_spectrum(waveform: Waveform) -> Spectrum:
    """Mean power spectrum (513,) of the quietest frames."""
    power = _power(waveform)
    count = max(1, round(QUIET_SHARE * len(power)))
    quiet = np.argsort(power.sum(axis=1))[:count]
    return np.asarray(power[quiet].mean(axis=0) + 1e-12)


def _power(waveform: Waveform) -> Spectrum:
    frames = _frames(waveform, FRAME, HOP) * WINDOW
    return np.asarray(np.abs(np.fft.rfft(frames, axis=1)) ** 2)  # (frames, 513)


def _frames(waveform: Waveform, size: int, hop: int) -> NDArray[np.float32]:
    padded = np.pad(waveform, (0, max(0, size - len(waveform))))
    return np.lib.stride_tricks.sliding_window_view(padded, size)[::hop]


def _spoken(power: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Which frames are speech, of their powers (frames,)."""
    loud = np.percentile(power, 95)
    return np.asarray(power >= loud * 10 ** (-SPEECH_DB / 10))


def _in_band() -> NDArray[np.bool_]:
    hertz = np.fft.rfftfreq(FRAME, 1 / SAMPLE_RATE)
    return np.asarray((hertz >= LOW_HZ) & (hertz <= HIGH_HZ))


def _smooth(spectrum: Spectrum) -> Spectrum:
    """Means over a third of an octave, and over three bins at least."""
    hertz = np.fft.rfftfreq(FRAME, 1 / SAMPLE_RATE)
    half = np.maximum(hertz * (2 ** (1 / 6) - 1), 1.5 * SAMPLE_RATE / FRAME)
    weights = np.abs(hertz[:, None] - hertz[None, :]) <= half[:, None]  # (513, 513)
    return np.asarray((weights @ spectrum) / weights.sum(axis=1))


def _filter(waveform: Waveform, gain: Spectrum) -> Waveform:
    """Zero-phase filtering by a gain (513,)."""
    impulse = np.roll(np.fft.irfft(gain), FRAME // 2) * WINDOW
    size = _transform_size(len(waveform))
    filtered = np.fft.irfft(np.fft.rfft(waveform, size) * np.fft.rfft(impulse, size), size)
    return filtered[FRAME // 2 :][: len(waveform)].astype(np.float32)


def _transform_size(samples: int) -> int:
    """A length above `samples` whose Fourier transform is fast and does not wrap around."""
    return (samples // 4096 + 2) * 4096
