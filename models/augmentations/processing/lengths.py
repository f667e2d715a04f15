"""Effects that change how long speech lasts give back as many samples as they got."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def fit(waveform: NDArray[np.float32], samples: int) -> NDArray[np.float32]:
    """The first `samples` of a waveform (any,), which is repeated where it is too short."""
    if waveform.size == 0:
        return np.zeros(samples, np.float32)
    repeated = np.tile(waveform, -(-samples // waveform.size)) if waveform.size < samples else None
    return np.ascontiguousarray((waveform if repeated is None else repeated)[:samples])


def cut_or_pad(waveform: NDArray[np.float32], samples: int) -> NDArray[np.float32]:
    """The first `samples` of a waveform (any,), with zeros behind it where it is too short."""
    start = waveform[:samples]
    return np.pad(start, (0, samples - start.size)).astype(np.float32, copy=False)
