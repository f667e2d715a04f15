"""Spectral front ends by name, for detectors to hear waveforms through."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from models.detectors.features.chroma import Chroma
from models.detectors.features.cqt import Cqt
from models.detectors.features.feature import Feature
from models.detectors.features.lfcc import Lfcc
from models.detectors.features.mel import Mel
from models.detectors.features.mfcc import Mfcc
from models.detectors.features.prosody import Prosody
from models.detectors.features.spectrogram import Spectrogram
from models.detectors.features.wavelet_packets import WaveletPackets
from models.errors import InputError

__all__ = ["FEATURES", "Feature", "build_feature"]

FEATURES: dict[str, Callable[..., Feature]] = {
    "spectrogram": Spectrogram,
    "mel": Mel,
    "mfcc": Mfcc,
    "lfcc": Lfcc,
    "cqt": Cqt,
    "chroma": Chroma,
    "wavelet-packets": WaveletPackets,
    "prosody": Prosody,
}


def build_feature(name: str, options: Mapping[str, Any] | None = None) -> Feature:
    """A feature by its key in FEATURES; raises InputError for an unknown name or option."""
    if name not in FEATURES:
        raise InputError(f"no feature named '{name}'; known: {', '.join(FEATURES)}")
    parameters = inspect.signature(FEATURES[name]).parameters
    for key in options or {}:
        if key not in parameters:
            raise InputError(f"{name}: no option named '{key}'; known: {', '.join(parameters)}")
    return FEATURES[name](**(options or {}))
