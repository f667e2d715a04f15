"""Human speech taken apart and put together again: name -> vocoder (waveform, rng) -> waveform."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from models.data.copy_synthesis.griffin_lim import griffin_lim
from models.data.copy_synthesis.neural import open_neural
from models.data.copy_synthesis.world import world
from models.errors import InputError
from models.params.vocoder import NeuralVocoderParams

Vocoder = Callable[[NDArray[np.float32], np.random.Generator], NDArray[np.float32]]

# how each is opened
VOCODERS: dict[str, Callable[[NeuralVocoderParams], Vocoder]] = {
    "griffin_lim": lambda _: griffin_lim,
    "world": lambda _: world,
    "neural": open_neural,
}


def open_vocoders(shares: Mapping[str, float], neural: NeuralVocoderParams) -> dict[str, Vocoder]:
    """The vocoders that have a share; InputError where one is unknown or cannot be opened."""
    if unknown := sorted(set(shares) - set(VOCODERS)):
        raise InputError(
            f"copy_synthesis: no vocoder named '{unknown[0]}'; known: {', '.join(VOCODERS)}"
        )
    return {name: VOCODERS[name](neural) for name, share in shares.items() if share > 0.0}
