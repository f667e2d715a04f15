"""Other people talking."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.augmentations.processing.levels import add_at_snr

LOWEST_SNR_DB, HIGHEST_SNR_DB = 10.0, 25.0  # of the speaker over all the others together
FEWEST, MOST = 3, 8  # voices


def babble(waveform: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """The waveform (samples,) over voices made of itself, clipped at ±1.

    They are the clip shifted in a circle, every other one backwards, within 6 dB. No other
    clip is heard, so that no bona fide clip has spoofed speech in it or the reverse.
    """
    snr_db = rng.uniform(LOWEST_SNR_DB, HIGHEST_SNR_DB)
    voices = int(rng.integers(FEWEST, MOST + 1))
    starts = rng.integers(waveform.size, size=voices)
    gains = 10.0 ** (rng.uniform(-6.0, 0.0, size=voices) / 20.0)
    crowd = np.zeros(waveform.size, np.float32)
    for number, (start, gain) in enumerate(zip(starts, gains, strict=True)):
        voice = waveform[::-1] if number % 2 else waveform
        crowd += np.float32(gain) * np.roll(voice, int(start))
    return add_at_snr(waveform, crowd, snr_db)
