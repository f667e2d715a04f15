"""How long detectors take for one utterance on this CPU, in the runtime of the endpoint."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from flows.gate.measure_costs import median_ms
from models.packaging.runtime import ExportedDetector

UTTERANCE = 64_600  # samples: 4.04 s, what AASIST was published with
ROUNDS = 9


def measure_latency(detectors: Mapping[str, Path]) -> dict[str, float]:
    """Median milliseconds of one core for an utterance of UTTERANCE samples, by exported detector.

    What is counted is the processor's time: that of other programs does not enter. A detector with
    shorter windows hears several, as it would at the endpoint.
    """
    from models.packaging.export import golden_windows  # torch

    waveform = golden_windows(UTTERANCE)[0]
    exported = [ExportedDetector.open(folder) for folder in detectors.values()]
    times = median_ms([partial(detector.score, waveform) for detector in exported], ROUNDS)
    return dict(zip(detectors, times, strict=True))


def processor_name() -> str:
    """What this machine calls its CPU."""
    about = Path("/proc/cpuinfo")  # of Linux
    lines = about.read_text(encoding="utf-8").splitlines() if about.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
