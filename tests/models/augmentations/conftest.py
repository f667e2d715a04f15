"""Signals of which everything is known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

RATE = 16_000


@pytest.fixture(scope="session")
def voice() -> NDArray[np.float32]:
    """Two seconds like speech: harmonics of a moving pitch in syllables, quiet at both ends."""
    time = np.arange(2 * RATE) / RATE
    phase = 2 * np.pi * np.cumsum(120 + 20 * np.sin(2 * np.pi * 0.9 * time)) / RATE
    tones = sum(np.sin(k * phase) / k for k in range(1, 30))
    syllables = np.clip(np.sin(2 * np.pi * 2.0 * time), 0.0, 1.0) * np.sin(np.pi * time / 2) ** 2
    hiss = np.random.default_rng(0).standard_normal(time.size)
    return (0.15 * tones * syllables + 1e-4 * hiss).astype(np.float32)


@pytest.fixture(scope="session")
def tone() -> NDArray[np.float32]:
    """Two seconds of 440 Hz, quiet enough that nothing added to it clips."""
    return (0.1 * np.sin(2 * np.pi * 440 * np.arange(2 * RATE) / RATE)).astype(np.float32)


@pytest.fixture(scope="session")
def hiss() -> NDArray[np.float32]:
    """Two seconds of white noise: something at every frequency."""
    return (0.1 * np.random.default_rng(1).standard_normal(2 * RATE)).astype(np.float32)
