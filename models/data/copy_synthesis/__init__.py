"""Human speech taken apart and put together again: name -> vocoder (waveform, rng) -> waveform."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from models.errors import InputError
from models.tables import VOCODERS as PLACES
from models.tables import LazyTable

if TYPE_CHECKING:
    from models.params.neural_vocoder import NeuralVocoderParams

Vocoder = Callable[[NDArray[np.float32], np.random.Generator], NDArray[np.float32]]

# how each is opened
VOCODERS: LazyTable[Callable[[NeuralVocoderParams], Vocoder]] = LazyTable(PLACES)


def open_vocoders(shares: Mapping[str, float], neural: NeuralVocoderParams) -> dict[str, Vocoder]:
    """The vocoders that have a share; InputError where one is unknown or cannot be opened."""
    if unknown := sorted(set(shares) - set(VOCODERS)):
        raise InputError(
            f"copy_synthesis: no vocoder named '{unknown[0]}'; known: {', '.join(VOCODERS)}"
        )
    return {name: VOCODERS[name](neural) for name, share in shares.items() if share > 0.0}
