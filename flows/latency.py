"""How long detectors take for one utterance on this CPU, in the runtime of the endpoint."""

from __future__ import annotations

import platform
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median

UTTERANCE = 64_600  # samples: 4.04 s, what AASIST was published with
ROUNDS = 9


def measure_latency(detectors: Mapping[str, Path]) -> dict[str, float]:
    """Median milliseconds of one core for an utterance of UTTERANCE samples, by exported detector.

    They take turns, so that whatever slows the machine down slows all of them. What is counted is
    the processor's time: that of other programs does not enter. A detector with shorter windows
    hears several, as it would at the endpoint.
    """
    from models.export import golden_windows
    from serving.runtime import ExportedDetector

    waveform = golden_windows(UTTERANCE)[0]
    opened = {name: ExportedDetector.open(folder) for name, folder in detectors.items()}
    seconds: dict[str, list[float]] = {name: [] for name in opened}
    for detector in opened.values():
        detector.score(waveform)  # the first run allocates
    for _ in range(ROUNDS):
        for name, detector in opened.items():
            began = time.process_time()
            detector.score(waveform)
            seconds[name].append(time.process_time() - began)
    return {name: 1000 * median(each) for name, each in seconds.items()}


def processor_name() -> str:
    """What this machine calls its CPU."""
    about = Path("/proc/cpuinfo")  # of Linux
    lines = about.read_text(encoding="utf-8").splitlines() if about.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
