"""What a voice is, and which part of a corpus hears it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Waveform = NDArray[np.float32]


class Part(StrEnum):
    """A part of a corpus with speakers of its own; traffic is heard only after deployment."""

    TRAIN = "train"
    DEV = "dev"
    EVAL = "eval"
    TRAFFIC = "traffic"


@dataclass(frozen=True, slots=True)
class Voice:
    """A voice of a synthesiser, and who a listener would say it is."""

    name: str
    speaker: str
    language: str  # of the sentences it speaks
    pitch: float = 1.0  # relative to the voice's own
    home: Path | None = None  # the unpacked packages of its program, where it needs one


Speak = Callable[[str, Voice, float, int], Waveform]  # text, voice, pace, seed -> (samples,) 16 kHz


@dataclass(frozen=True)
class Synthesiser:
    """How a synthesiser speaks, and with which voices in which part."""

    speak: Speak
    voices: Mapping[Part, tuple[Voice, ...]]
    licence: str
