"""Opens a detector on the runtime that is fastest on this machine.

Which one that is depends on the processor and on the graph, so a few windows are run through each.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.errors import InputError
from models.packaging.runtime import DEFAULT_RUNTIME, RUNTIMES, ExportedDetector, OpenGraph

AUTO = "auto"
ROUNDS = 5  # windows that each runtime runs, in turns; the fastest counts
GAIN = 0.9  # of the default's time: a smaller gain may be noise, and replicas would differ by it


@dataclass(frozen=True)
class RuntimeTrial:
    """What one runtime made of a detector."""

    runtime: str
    window_s: float | None  # time of one window on one core; None: refused, or not measured
    refusal: str | None = None


@dataclass(frozen=True)
class RuntimeChoice:
    """The runtime that serves a detector, and why."""

    runtime: str
    is_measured: bool  # False: a setting names it
    trials: tuple[RuntimeTrial, ...] = ()

    def sentence(self) -> str:
        """For a log."""
        if not self.is_measured:
            return f"on {self.runtime}, as the setting says"
        times = ", ".join(
            f"{trial.runtime} {1_000 * trial.window_s:.1f} ms a window"
            if trial.window_s is not None
            else f"{trial.runtime} refused ({trial.refusal})"
            for trial in self.trials
        )
        return f"on {self.runtime}, measured here: {times}"


def open_fastest(
    folder: Path,
    threads: int = 1,
    runtime: str = AUTO,
    runtimes: Mapping[str, OpenGraph] = RUNTIMES,
) -> tuple[ExportedDetector, RuntimeChoice]:
    """Open a detector folder on a runtime by name, or on the fastest that gives its golden scores.

    The default runtime is taken unless another needs less than nine tenths of its time. Raises
    InputError where no runtime opens the folder, or the named one does not.
    """
    if runtime != AUTO:
        detector = ExportedDetector.open(folder, threads, runtime, runtimes)
        detector.check_golden()
        return detector, RuntimeChoice(runtime, is_measured=False)
    opened, refusals = _open_all(folder, threads, runtimes)
    if not opened:
        raise InputError("; ".join(dict.fromkeys(refusals.values())))
    times = _time_in_turns(opened)
    name = _choice(times)
    trials = [RuntimeTrial(name, seconds) for name, seconds in times.items()]
    trials += [RuntimeTrial(name, None, sentence) for name, sentence in refusals.items()]
    return opened[name], RuntimeChoice(name, True, tuple(trials))


def _open_all(
    folder: Path, threads: int, runtimes: Mapping[str, OpenGraph]
) -> tuple[dict[str, ExportedDetector], dict[str, str]]:
    """Those that give the golden scores, and why the others do not."""
    opened: dict[str, ExportedDetector] = {}
    refusals: dict[str, str] = {}
    for name in runtimes:
        try:
            detector = ExportedDetector.open(folder, threads, name, runtimes)
            detector.check_golden()
            opened[name] = detector
        except InputError as error:
            refusals[name] = str(error)
    return opened, refusals


def _time_in_turns(opened: Mapping[str, ExportedDetector]) -> dict[str, float]:
    """Seconds of one window by runtime: the best of some rounds, as other work only adds time."""
    best = dict.fromkeys(opened, float("inf"))
    for _ in range(ROUNDS if len(opened) > 1 else 1):
        for name, detector in opened.items():
            began = time.perf_counter()
            detector.run(_window(detector))
            best[name] = min(best[name], time.perf_counter() - began)
    return best


def _window(detector: ExportedDetector) -> NDArray[np.float32]:
    samples = detector.manifest.window.samples
    return np.random.default_rng(0).standard_normal((1, samples)).astype(np.float32) * 0.1


def _choice(times: Mapping[str, float]) -> str:
    fastest = min(times, key=times.__getitem__)
    if DEFAULT_RUNTIME in times and times[fastest] > GAIN * times[DEFAULT_RUNTIME]:
        return DEFAULT_RUNTIME
    return fastest
