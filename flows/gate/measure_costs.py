"""What the graphs of detector folders cost on this machine, measured in turns."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from flows.gate.footprint import peak_memory
from flows.gate.latency import median_ms
from models.evaluation.costs import Cost
from models.files.manifest import GRAPH

ROUNDS = 7
_LEVEL = 0.05  # of the noise that is scored: how long a graph takes hardly depends on what it hears


def measure_costs(folders: Sequence[Path], runtime: str | None = None) -> list[Cost]:
    """The cost of each exported folder, for one window of its own length on one core.

    On the runtime that serves, or on the one that is named. It is processor time, not the clock,
    and the folders take turns in each round: what else the machine does falls on all of them
    alike. The first round is not counted. Memory is that of a process of its own for each.
    """
    from models.packaging.runtime import DEFAULT_RUNTIME, ExportedDetector

    opened = [
        ExportedDetector.open(folder, runtime=runtime or DEFAULT_RUNTIME) for folder in folders
    ]
    noise = np.random.default_rng(0)
    windows = [
        (_LEVEL * noise.standard_normal((1, each.manifest.window.samples))).astype(np.float32)
        for each in opened
    ]
    pairs = zip(opened, windows, strict=True)
    times = median_ms([partial(each.run, window) for each, window in pairs], ROUNDS)
    memory = peak_memory(folders, runtime or DEFAULT_RUNTIME)
    return [
        Cost(taken, (folder / GRAPH).stat().st_size, peak)
        for folder, taken, peak in zip(folders, times, memory, strict=True)
    ]
