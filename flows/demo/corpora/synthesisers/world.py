"""WORLD: a human recording taken apart into pitch, envelope and aperiodicity, and put together."""

from __future__ import annotations

import numpy as np

from flows.demo.corpora.synthesisers.voices import Waveform
from models.data.copy_synthesis.world import world

ATTACK_ID = "world_copy"


def copy(recording: Waveform) -> Waveform:
    """The copy-synthesis (samples,) of a recording (samples,), both at 16 kHz."""
    return world(recording, np.random.default_rng(0))
