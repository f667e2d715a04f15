"""Speech-like clips that a detector can learn from in seconds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from models.data.clips import Clips
from models.trials import Trial


@pytest.fixture(scope="session")
def talk() -> Callable[[int, int], Clips]:
    """People, whose pitch glides and who breathe, and a monotone machine, in equal parts."""
    return _talk


def _talk(seed: int, count: int) -> Clips:
    random = np.random.default_rng(seed)
    trials, waveforms = [], []
    for number in range(count):
        machine = number % 2 == 1
        trials.append(Trial(f"{seed}-{number}", Path("-"), "monotone" if machine else None))
        waveforms.append(_utterance(random, machine))
    return Clips.from_arrays(trials, waveforms)


def _utterance(random: np.random.Generator, machine: bool) -> np.ndarray:
    time = np.arange(10_000) / 16_000  # s
    glide = 0.0 if machine else random.uniform(0.1, 0.3)
    pitch = random.uniform(90, 220) * (1 + glide * np.sin(2 * np.pi * random.uniform(1, 3) * time))
    phase = 2 * np.pi * np.cumsum(pitch) / 16_000
    voice = sum(np.sin(k * phase) / k for k in range(1, 25 if machine else 12))
    syllables = 0.3 + np.abs(np.sin(2 * np.pi * random.uniform(1.5, 3) * time))
    breath = (0.002 if machine else 0.03) * random.standard_normal(time.size)
    return (0.08 * voice * syllables + breath).astype(np.float32)
