"""Channel effects on training audio: name -> function(waveform (samples,), rng) -> waveform."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from models.augmentations.gain import gain
from models.augmentations.white_noise import white_noise

Augmentation = Callable[[NDArray[np.float32], np.random.Generator], NDArray[np.float32]]

AUGMENTATIONS: dict[str, Augmentation] = {
    "gain": gain,
    "white_noise": white_noise,
}
