"""WORLD: pitch, envelope and aperiodicity of a recording, and speech made of them.

Morise et al., "WORLD: A vocoder-based high-quality speech synthesis system for real-time
applications" (2016).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.audio.reading import SAMPLE_RATE
from models.errors import InputError


def open_world(_params: object) -> Callable[..., NDArray[np.float32]]:
    """The vocoder; nothing is set in params."""
    return world


def world(
    waveform: NDArray[np.float32],
    rng: np.random.Generator,  # noqa: ARG001  # nothing to draw
) -> NDArray[np.float32]:
    """The copy-synthesis (samples,) of a recording (samples,), both at 16 kHz.

    Raises InputError where pyworld is not installed.
    """
    vocoder = _pyworld()
    speech = waveform.astype(np.float64)
    coarse, times = vocoder.dio(speech, SAMPLE_RATE)
    pitch = vocoder.stonemask(speech, coarse, times, SAMPLE_RATE)
    envelope = vocoder.cheaptrick(speech, pitch, times, SAMPLE_RATE)
    aperiodicity = vocoder.d4c(speech, pitch, times, SAMPLE_RATE)
    copied = vocoder.synthesize(pitch, envelope, aperiodicity, SAMPLE_RATE)
    return np.asarray(copied[: len(waveform)], dtype=np.float32)


def _pyworld() -> Any:
    with warnings.catch_warnings():  # it imports pkg_resources, which warns that it will go
        warnings.simplefilter("ignore", UserWarning)
        try:
            import pyworld
        except ImportError as error:
            raise InputError("WORLD: the package pyworld expected, not installed") from error
    return pyworld
