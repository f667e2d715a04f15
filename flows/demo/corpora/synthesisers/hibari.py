"""hibari: a neural voice distilled from Kokoro-82M, weights inside the wheel."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from flows.demo.corpora.synthesisers.voices import Part, Voice, Waveform
from models.audio.reading import SAMPLE_RATE


def _voices(accents: str, pitches: str) -> tuple[Voice, ...]:
    return tuple(
        Voice(f"heart-{accent}", f"heart-{accent}@{pitch}", "en", float(pitch))
        for pitch in pitches.split()
        for accent in accents.split()
    )


# One voice is in the wheel: tape speed, which moves pitch and formants together, and the accent of
# its pronunciation make speakers of it. Nothing is downloaded.
VOICES: dict[Part, tuple[Voice, ...]] = {
    Part.TRAIN: _voices("us gb", "0.80 0.90 1.00 1.10"),
    Part.DEV: _voices("us gb", "0.85 1.05"),
    Part.EVAL: _voices("us gb", "0.95 1.15 0.75"),
}


def speak(text: str, voice: Voice, pace: float, seed: int) -> Waveform:
    """A sentence in a voice; the same arguments give the same samples."""
    import soxr

    engine = _engine(british=voice.name.endswith("gb"))
    audio = engine(text, speed=pace / voice.pitch, seed=seed)
    resampled: Waveform = soxr.resample(audio, engine.sample_rate * voice.pitch, SAMPLE_RATE)
    return resampled.astype(np.float32)


@cache
def _engine(*, british: bool) -> Any:
    from hibari import Hibari
    from hibari.g2p import G2P

    return Hibari(voice="heart", threads=1, g2p=G2P(british=british))
