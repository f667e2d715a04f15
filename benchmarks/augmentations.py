"""Claim: augmentation costs milliseconds a clip.

    python -m benchmarks.augmentations [FILE]

CPU time of each effect and codec on one core, on 4.04 s of FILE or of noise in syllables.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
from numpy.typing import NDArray

from models.audio.reading import SAMPLE_RATE, read_audio
from models.augmentations import AUGMENTATIONS, Augmentation
from models.augmentations.codec import CODECS, Codec
from models.augmentations.processing.lengths import fit

SAMPLES = 64_600
ROUNDS = 30


def main() -> None:
    """Print the median and the highest time of each effect, the codecs one by one."""
    waveform = fit(read_audio(Path(sys.argv[1])), SAMPLES) if len(sys.argv) > 1 else _syllables()
    effects: dict[str, Augmentation] = {
        n: e for n, e in AUGMENTATIONS.items() if n not in ("codec", "channel")
    }
    effects |= {f"codec: {name}": Codec({name: 1.0}) for name in CODECS}
    for name, effect in effects.items():
        times = _milliseconds(effect, waveform)
        sys.stdout.write(f"  {name:22} {np.median(times):6.1f} ms, at most {max(times):6.1f} ms\n")


def _milliseconds(effect: Augmentation, waveform: NDArray[np.float32]) -> list[float]:
    effect(waveform, np.random.default_rng(ROUNDS))  # what is loaded at the first call
    times = []
    for seed in range(ROUNDS):
        started = time.process_time()
        effect(waveform, np.random.default_rng(seed))
        times.append(1000 * (time.process_time() - started))
    return times


def _syllables() -> NDArray[np.float32]:
    noise = np.random.default_rng(0).standard_normal(SAMPLES)
    envelope = np.sin(2 * np.pi * 2 * np.arange(SAMPLES) / SAMPLE_RATE).clip(0.0)
    return (0.1 * noise * envelope).astype(np.float32)


if __name__ == "__main__":
    main()
