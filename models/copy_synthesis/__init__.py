"""Human speech taken apart and put together again: name -> vocoder (waveform, rng) -> waveform."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from models.copy_synthesis.griffin_lim import griffin_lim
from models.copy_synthesis.world import world

Vocoder = Callable[[NDArray[np.float32], np.random.Generator], NDArray[np.float32]]

VOCODERS: dict[str, Vocoder] = {
    "griffin_lim": griffin_lim,
    "world": world,
}
