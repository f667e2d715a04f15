"""Where somebody speaks in a waveform, and why one holds nothing that a detector can judge.

Speech is voiced sound and what lies close to it. A frame is voiced if its spectrum repeats at the
period of a voice; the consonants around are taken with it. Every threshold is a cautious one: a
caller who is refused costs more than music that is scored. docs/endpoint.md has the shares of
speech, music and noise that are refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from models.audio.acoustics import FLOOR, SAMPLE_RATE

FRAME = 512  # samples: 32 ms, two periods of the lowest voice
HOP = 160  # 10 ms
HOP_S = HOP / SAMPLE_RATE
SHORTEST_S = 0.5  # of speech that an answer needs; docs/endpoint.md has the errors by its seconds
SILENT = -65.0  # dBFS of the loudest frames
CLIPPED_SHARE = 0.05  # of the samples, within 5 % of the peak; speech has less than 0.5 %
UNVOICED_SHARE = 0.12  # of the active frames: speech at 0 dB SNR still has more voiced ones
# dB, the mean by which the level moves within 30 ms: 3 to 8 in speech, 1.6 in music, 0.6 in noise
STEADY, TONE_STEADY = 1.0, 0.4
# share of pitches that stand still for 40 ms: under 0.2 in speech, 0.35 in music, 1 in a tone
MUSIC_STANDS, TONE_STANDS = 0.05, 0.5

_POINTS = 1024  # of the transform: lags up to a frame do not wrap
_BLOCK = 2_000  # frames that are transformed at once: 16 MB
_HERTZ = np.fft.rfftfreq(_POINTS, 1 / SAMPLE_RATE)  # (513,)
_LEVEL_BAND = (_HERTZ >= 100) & (_HERTZ <= 3_800)  # what a telephone line has too
_VOICE_BAND = (_HERTZ >= 60) & (_HERTZ <= 1_500)
_SHORTEST_LAG, _LONGEST_LAG = SAMPLE_RATE // 400, SAMPLE_RATE // 60  # periods of a voice
_TAPER = np.hanning(FRAME).astype(np.float32)
_GAIN = float(np.sum(_TAPER**2)) * _POINTS / 2
_LOUD_FRAMES = 15  # that are as loud as what counts as loud: a click is shorter
_ACTIVE_RANGE = 30.0  # dB under the loud frames
_LOWEST_LEVEL = -70.0  # dBFS of an active frame
_VOICED = 0.6  # normalised autocorrelation at the period
_AROUND = 10  # frames at each side of a voiced one: 100 ms, a consonant
_APART, _LEVEL_APART = 4, 3  # frames over which pitch and level are compared
_STANDS = 0.1  # semitones


class Unscorable(StrEnum):
    """Why a recording gets no answer."""

    TOO_SHORT = "too_short"
    SILENT = "silent"
    CLIPPED = "clipped"
    MUSIC_OR_TONE = "music_or_tone"
    NOISE = "noise"
    CROSS_TALK = "cross_talk"  # another channel of the recording, leaking into this one


@dataclass(frozen=True)
class _Frames:
    levels: NDArray[np.float64]  # (frames,) dBFS, of the band of a telephone
    voicing: NDArray[np.float64]  # (frames,) 0 to about 1
    pitch: NDArray[np.float64]  # (frames,) semitones over 1 Hz, of the best period

    @property
    def loud(self) -> float:
        """Level of the loud frames in dBFS, however long the pauses are."""
        rank = min(max(self.levels.size // 20, 1), _LOUD_FRAMES)
        return float(np.partition(self.levels, -rank)[-rank])

    @property
    def active(self) -> NDArray[np.bool_]:
        """Which frames (frames,) are near the loudest."""
        return np.asarray(self.levels > max(self.loud - _ACTIVE_RANGE, _LOWEST_LEVEL))

    @property
    def voiced(self) -> NDArray[np.bool_]:
        """Which frames (frames,) repeat at the period of a voice."""
        return self.active & (self.voicing > _VOICED)


@dataclass(frozen=True)
class SpeechActivity:
    """Where somebody speaks in a waveform, and why it cannot be judged, if so."""

    frames: NDArray[np.bool_]  # (frames,) one every 10 ms
    reason: Unscorable | None

    @property
    def seconds(self) -> float:
        """Seconds of speech."""
        return _seconds(self.frames)

    def between(self, start_s: float, end_s: float) -> float:
        """Seconds of speech within a part."""
        return _seconds(self.frames[round(start_s / HOP_S) : round(end_s / HOP_S)])


def speech_frames(waveform: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which frames (frames,) of a waveform (samples,) at 16 kHz hold speech, one every 10 ms.

    Frame n begins at sample 160 n and has 32 ms; a shorter waveform is padded to one frame.
    """
    return _speech(_analyse(waveform))


def net_speech_s(waveform: NDArray[np.float32]) -> float:
    """Seconds of speech in a waveform (samples,) at 16 kHz."""
    return _seconds(speech_frames(waveform))


def why_unscorable(waveform: NDArray[np.float32]) -> Unscorable | None:
    """Why a waveform (samples,) at 16 kHz cannot be judged; None if it can."""
    return speech_activity(waveform).reason


def speech_activity(
    waveform: NDArray[np.float32], shortest_s: float = SHORTEST_S
) -> SpeechActivity:
    """Both for a waveform (samples,) at 16 kHz, in one analysis.

    `shortest_s` are the seconds of speech that an answer needs: fewer for a window that is short.
    """
    frames = _analyse(waveform)
    speech = _speech(frames)
    return SpeechActivity(speech, _reason(frames, speech, waveform, shortest_s))


def _reason(
    frames: _Frames,
    speech: NDArray[np.bool_],
    waveform: NDArray[np.float32],
    shortest_s: float,
) -> Unscorable | None:
    movement, standing = _movement(frames), _standing(frames)
    if frames.loud < SILENT:
        return Unscorable.SILENT
    if _seconds(frames.active) < shortest_s:  # of sound: too little to say what it is
        return Unscorable.TOO_SHORT
    if movement < TONE_STEADY or standing > TONE_STANDS:
        return Unscorable.MUSIC_OR_TONE
    if _clipped_share(waveform) > CLIPPED_SHARE:
        return Unscorable.CLIPPED
    if standing > MUSIC_STANDS + movement / 10:
        return Unscorable.MUSIC_OR_TONE
    if movement < STEADY or _voiced_share(frames) < UNVOICED_SHARE:
        return Unscorable.NOISE
    return Unscorable.TOO_SHORT if _seconds(speech) < shortest_s else None


def _seconds(frames: NDArray[np.bool_]) -> float:
    return int(np.count_nonzero(frames)) * HOP_S


def _speech(frames: _Frames) -> NDArray[np.bool_]:
    near = np.convolve(frames.voiced, np.ones(2 * _AROUND + 1), mode="same")[: frames.levels.size]
    return np.asarray(frames.active & (near > 0.5))


def _standing(frames: _Frames) -> float:
    """The share (0-1) of voiced frames whose pitch is that of 40 ms before."""
    voiced, pitch = frames.voiced, frames.pitch
    both = voiced[_APART:] & voiced[:-_APART]
    if np.count_nonzero(both) < _APART:
        return 0.0
    return float(np.mean(np.abs(pitch[_APART:] - pitch[:-_APART])[both] < _STANDS))


def _movement(frames: _Frames) -> float:
    """Mean change of the level of the active frames within 30 ms, in dB."""
    active = frames.active[_LEVEL_APART:]
    changes = np.abs(frames.levels[_LEVEL_APART:] - frames.levels[:-_LEVEL_APART])[active]
    return float(changes.mean()) if changes.size else 0.0


def _voiced_share(frames: _Frames) -> float:
    return float(np.count_nonzero(frames.voiced)) / max(int(np.count_nonzero(frames.active)), 1)


def _clipped_share(waveform: NDArray[np.float32]) -> float:
    level = np.abs(waveform)
    return float(np.mean(level >= 0.95 * max(float(level.max(initial=0.0)), FLOOR)))


def _analyse(waveform: NDArray[np.float32]) -> _Frames:
    if waveform.ndim != 1 or waveform.size == 0:
        raise ValueError(f"a non-empty mono waveform expected, found shape {waveform.shape}")
    padded = np.pad(waveform, (0, max(FRAME - waveform.size, 0))).astype(np.float32, copy=False)
    frames = sliding_window_view(padded, FRAME)[::HOP]  # (frames, 512)
    blocks = [_analyse_block(frames[n : n + _BLOCK]) for n in range(0, len(frames), _BLOCK)]
    return _Frames(*(np.concatenate(column) for column in zip(*blocks, strict=True)))


def _analyse_block(
    frames: NDArray[np.float32],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Level, voicing and pitch of frames (n, 512), each (n,)."""
    spectra = np.fft.rfft(frames * _TAPER, _POINTS, axis=1)  # (n, 513)
    power = spectra.real.astype(np.float64) ** 2 + spectra.imag.astype(np.float64) ** 2
    levels = 10 * np.log10(np.maximum(power[:, _LEVEL_BAND].sum(axis=1) / _GAIN, FLOOR))
    repeats = np.fft.irfft(power * _VOICE_BAND, axis=1)[:, : _LONGEST_LAG + 1]
    # the taper's bias towards short lags keeps multiples of the period from winning
    lags = _SHORTEST_LAG + repeats[:, _SHORTEST_LAG:].argmax(axis=1)
    strength = repeats[np.arange(len(lags)), lags] / (repeats[:, 0] * _TAPER_REPEATS[lags] + FLOOR)
    return levels, strength, 12 * np.log2(SAMPLE_RATE / lags)


def _taper_repeats() -> NDArray[np.float64]:
    repeats = np.fft.irfft(np.abs(np.fft.rfft(_TAPER, _POINTS)) ** 2)[: _LONGEST_LAG + 1]
    return np.asarray(repeats / repeats[0], dtype=np.float64)


_TAPER_REPEATS = _taper_repeats()  # (267,)
