"""How long detectors take for one utterance on this CPU, in the runtime of the endpoint."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import median

UTTERANCE = 64_600  # samples: 4.04 s, what AASIST was published with
ROUNDS = 9


def measure_latency(detectors: Mapping[str, Path]) -> dict[str, float]:
    """Median milliseconds of one core for an utterance of UTTERANCE samples, by exported detector.

    What is counted is the processor's time: that of other programs does not enter. A detector with
    shorter windows hears several, as it would at the endpoint.
    """
    from models.packaging.export import golden_windows
    from models.packaging.runtime import ExportedDetector

    waveform = golden_windows(UTTERANCE)[0]
    opened = [ExportedDetector.open(folder) for folder in detectors.values()]
    times = median_ms([partial(each.score, waveform) for each in opened], ROUNDS)
    return dict(zip(detectors, times, strict=True))


def median_ms(works: Sequence[Callable[[], object]], rounds: int) -> list[float]:
    """Median milliseconds of the processor that each work takes.

    They take turns in each round, so that whatever slows the machine down slows all of them. The
    first round allocates, and is not counted.
    """
    seconds: list[list[float]] = [[] for _ in works]
    for _ in range(rounds + 1):
        for work, taken in zip(works, seconds, strict=True):
            began = time.process_time()
            work()
            taken.append(time.process_time() - began)
    return [1000 * median(taken[1:]) for taken in seconds]


def processor_name() -> str:
    """What this machine calls its CPU."""
    about = Path("/proc/cpuinfo")  # of Linux
    lines = about.read_text(encoding="utf-8").splitlines() if about.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
