"""What happens to a client's audio: a codec, noise, another level."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from models.augmentations.codec import CODECS
from models.augmentations.processing.coding import through

Waveform = NDArray[np.float32]
Change = Callable[[Waveform, np.random.Generator], Waveform]


def _codec(name: str) -> Change:
    return lambda waveform, random: through(CODECS[name], waveform, random)


def _gain(decibels: float) -> Change:
    factor = np.float32(10.0 ** (decibels / 20.0))
    return lambda waveform, _: np.clip(waveform * factor, -1.0, 1.0)


def _noise(snr_db: float) -> Change:
    def noisy(waveform: Waveform, random: np.random.Generator) -> Waveform:
        level = np.sqrt(np.mean(np.square(waveform, dtype=np.float64))) * 10 ** (-snr_db / 20)
        noise = random.standard_normal(waveform.size, dtype=np.float32)
        return np.clip(waveform + np.float32(level) * noise, -1.0, 1.0)

    return noisy


CHANGES: dict[str, Change] = {
    "g711_mulaw": _codec("g711_mulaw"),
    "gsm": _codec("gsm"),
    "opus": _codec("opus"),
    "noise_20db": _noise(20.0),
    "noise_10db": _noise(10.0),
    "gain_-6db": _gain(-6.0),
    "gain_-20db": _gain(-20.0),
}


def missing(name: str) -> str | None:
    """Why this machine cannot make a change, or None."""
    return CODECS[name].missing() if name in CODECS else None
