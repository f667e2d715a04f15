"""Human recordings taken apart and put together again: attack -> how."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from flows.demo.corpora.synthesisers.voices import Waveform
from models.data.copy_synthesis.griffin_lim import griffin_lim
from models.data.copy_synthesis.lpc import lpc_vocoder
from models.data.copy_synthesis.phase_vocoder import phase_vocoder
from models.data.copy_synthesis.world import world

# (samples,) and what draws -> (samples,), at 16 kHz
COPY_MAKERS: dict[str, Callable[[Waveform, np.random.Generator], Waveform]] = {
    "world_copy": world,
    "lpc_vocoder": lpc_vocoder,
    "griffinlim_mel40": partial(griffin_lim, bands=40),
    "griffinlim_mel80": partial(griffin_lim, bands=80),
    "griffinlim_mel128": partial(griffin_lim, bands=128),
    "phase_vocoder": phase_vocoder,
}
