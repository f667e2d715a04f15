"""What the graphs of detector folders cost on this machine, measured in turns."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np

from models.compute.workers import Crew
from models.evaluation.costs import Cost
from models.files.manifest import GRAPH
from models.packaging.runtime import DEFAULT_RUNTIME, ExportedDetector

ROUNDS = 7
_LEVEL = 0.05  # of the noise that is scored: how long a graph takes hardly depends on what it hears
_STATUS = Path("/proc/self/status")  # of Linux


def measure_costs(folders: Sequence[Path], runtime: str | None = None) -> list[Cost]:
    """The cost of each exported folder, for one window of its own length on one core.

    On the runtime that serves, or on the one that is named. It is processor time, not the clock,
    and the folders take turns in each round: what else the machine does falls on all of them
    alike. The first round is not counted. Memory is that of a process of its own for each.
    """
    runtime = runtime or DEFAULT_RUNTIME
    detectors = [ExportedDetector.open(folder, runtime=runtime) for folder in folders]
    noise = np.random.default_rng(0)
    windows = [
        (_LEVEL * noise.standard_normal((1, detector.manifest.window.samples))).astype(np.float32)
        for detector in detectors
    ]
    pairs = zip(detectors, windows, strict=True)
    times = median_ms([partial(detector.run, window) for detector, window in pairs], ROUNDS)
    return [
        Cost(latency_ms, (folder / GRAPH).stat().st_size, memory)
        for folder, latency_ms, memory in zip(
            folders, times, peak_memory(folders, runtime), strict=True
        )
    ]


def median_ms(works: Sequence[Callable[[], object]], rounds: int) -> list[float]:
    """Median milliseconds of the processor that each work takes.

    They take turns in each round, so that whatever slows the machine down slows all of them. The
    first round allocates, and is not counted.
    """
    seconds: list[list[float]] = [[] for _ in works]
    for _ in range(rounds + 1):
        for work, times in zip(works, seconds, strict=True):
            began = time.process_time()
            work()
            times.append(time.process_time() - began)
    return [1000 * median(times[1:]) for times in seconds]


def peak_memory(folders: Sequence[Path], runtime: str) -> list[int | None]:
    """Bytes at the peak of a fresh process that opens each graph and runs one window.

    Those of a process that opens nothing are taken off; what is left holds the runtime's library.
    None where the system does not tell, or a process died.
    """
    nothing = _measure(None, runtime)
    peaks = [_measure(folder, runtime) for folder in folders]
    return [None if peak is None or nothing is None else max(peak - nothing, 0) for peak in peaks]


def _measure(folder: Path | None, runtime: str) -> int | None:
    with Crew(partial(_peak, runtime), 1) as crew:
        crew.ask(folder)
        process, peak = crew.answer()
    return None if process == os.getpid() else peak  # of a dead process, the crew does the work


def _peak(runtime: str, folder: Path | None) -> tuple[int, int | None]:
    """This process, and its most resident bytes once a window went through the graph."""
    if folder is not None:
        opened = ExportedDetector.open(folder, runtime=runtime)
        opened.run(np.zeros((1, opened.manifest.window.samples), dtype=np.float32))
    return os.getpid(), _most_resident()


def _most_resident() -> int | None:
    if not _STATUS.is_file():
        return None
    lines = (line.split() for line in _STATUS.read_text("utf-8").splitlines())
    return next((1024 * int(line[1]) for line in lines if line[0] == "VmHWM:"), None)
