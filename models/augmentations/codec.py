"""A lossy codec on the way: telephony, calls over the internet, platforms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from models.augmentations.processing.coding import FFmpegCodec, GSMCodec, through
from models.errors import InputError
from models.tables import CODECS as PLACES
from models.tables import LazyTable

CODECS: LazyTable[FFmpegCodec | GSMCodec] = LazyTable(PLACES)


@dataclass(frozen=True)
class Codec:
    """One codec of the table at a bit rate of its list, both drawn."""

    weights: Mapping[str, float] = field(default_factory=dict)  # none: each as likely

    def __call__(
        self, waveform: NDArray[np.float32], rng: np.random.Generator
    ) -> NDArray[np.float32]:
        """The waveform (samples,) after a codec, aligned with what went in, clipped at ±1."""
        weights = self.weights or dict.fromkeys(CODECS, 1.0)
        shares = np.array(list(weights.values())) / sum(weights.values())
        name = list(weights)[int(rng.choice(shares.size, p=shares))]
        return through(CODECS[name], waveform, rng)


ANY_CODEC = Codec()


def open_codecs(weights: Mapping[str, float], key: str) -> Codec:
    """The effect for weights under a key of params; InputError names the codec that is amiss."""
    for name, weight in weights.items():
        if name not in CODECS:
            raise InputError(f"{key}: no codec named '{name}'; known: {', '.join(CODECS)}")
        if not 0.0 <= weight < float("inf"):
            raise InputError(f"{key}.{name}: a weight of 0 or more expected, found {weight!r}")
    if weights and not any(weights.values()):
        raise InputError(f"{key}: one weight above 0 at least expected, found none")
    chosen = {name: weight for name, weight in weights.items() if weight > 0.0}
    for name in chosen or CODECS:
        if reason := CODECS[name].missing():
            raise InputError(f"{key}: {name} cannot be drawn, {reason}; give others a weight")
    return Codec(chosen)
