"""One whole channel at a time: a codec, a telephone line, or another sample rate for a while.

The separate effects of a line are drawn independently, so that a clip passes several or none. Here
one probability is that of any channel, and each clip that gets one gets exactly one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.augmentations.codec import ANY_CODEC, Codec
from models.augmentations.resampling import resampling
from models.augmentations.telephone_band import telephone_band

CODED = 0.6  # share of the channels that are a codec; half of the others are a telephone line


@dataclass(frozen=True)
class RandomChannel:
    """A codec, a telephone line or another sample rate, drawn with everything inside of it."""

    codec: Codec = ANY_CODEC

    def __call__(
        self, waveform: NDArray[np.float32], rng: np.random.Generator
    ) -> NDArray[np.float32]:
        """The waveform (samples,) after the channel, aligned with what went in."""
        place = rng.random()
        if place < CODED:
            return self.codec(waveform, rng)
        line = telephone_band if place < (1 + CODED) / 2 else resampling
        return line(waveform, rng)


ANY_CHANNEL = RandomChannel()
