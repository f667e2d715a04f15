"""WORLD: a human recording taken apart into pitch, envelope and aperiodicity, and put together."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from flows.corpora.synthesisers.voices import Waveform
from models.audio import SAMPLE_RATE

ATTACK_ID = "world_copy"


def copy(recording: Waveform) -> Waveform:
    """The copy-synthesis (samples,) of a recording (samples,), both at 16 kHz."""
    world = _world()
    speech = recording.astype(np.float64)
    coarse, times = world.dio(speech, SAMPLE_RATE)
    pitch = world.stonemask(speech, coarse, times, SAMPLE_RATE)
    envelope = world.cheaptrick(speech, pitch, times, SAMPLE_RATE)
    aperiodicity = world.d4c(speech, pitch, times, SAMPLE_RATE)
    copied = world.synthesize(pitch, envelope, aperiodicity, SAMPLE_RATE)
    return np.asarray(copied[: len(recording)], dtype=np.float32)


def _world() -> Any:
    with warnings.catch_warnings():  # it imports pkg_resources, which warns that it will go
        warnings.simplefilter("ignore", UserWarning)
        import pyworld
    return pyworld
