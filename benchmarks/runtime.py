"""Claim: an exported detector scores several times faster on one core than torch does.

    python -m benchmarks.runtime [DETECTOR_FOLDER]

Without a folder, AASIST with fresh weights is exported to a temporary one. Torch and every runtime
take turns on the same windows, and must agree on every logit. "Any length" is a graph as it is
opened where `window.short` is `own`: without the length of a window in it.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # read when torch is imported

import numpy as np
import torch
from numpy.typing import NDArray

from models.detectors import build_detector
from models.files.manifest import GRAPH, read_manifest
from models.packaging.checkpoint import load_detector, save_detector
from models.packaging.export import export_detector, golden_windows
from models.packaging.runtime import RUNTIMES, ExportedDetector
from models.params.window import WindowParams

ROUNDS = 15
Score = Callable[[NDArray[np.float32]], NDArray[np.float32]]  # windows -> logits


def main() -> None:
    """Print milliseconds per window, and how many times faster than torch that is."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(sys.argv[1]) if len(sys.argv) > 1 else _fresh(Path(scratch) / "aasist")
        manifest = read_manifest(folder)
        ways: dict[str, Score] = {"torch": _torch(folder)}
        if (folder / GRAPH).is_file():
            ways |= {name: _exported(folder, name) for name in RUNTIMES}
            ways |= {f"{name}, any length": _any_length(folder, name) for name in RUNTIMES}
        seconds = _take_turns(ways, golden_windows(manifest.window.samples)[:1])
    sys.stdout.write(
        f"{manifest.detector}, one window of {manifest.window.samples} samples, one core, "
        f"best of {ROUNDS}:\n"
    )
    for name, best in seconds.items():
        ratio = seconds["torch"] / best
        sys.stdout.write(f"  {name:24} {1000 * best:7.1f} ms  {ratio:5.2f} x torch\n")


def _take_turns(ways: dict[str, Score], window: NDArray[np.float32]) -> dict[str, float]:
    expected = ways["torch"](window)
    seconds = dict.fromkeys(ways, float("inf"))
    for _ in range(ROUNDS):
        for name, score in ways.items():
            started = time.perf_counter()
            logits = score(window)
            seconds[name] = min(seconds[name], time.perf_counter() - started)
            np.testing.assert_allclose(logits, expected, atol=1e-4)
    return seconds


def _torch(folder: Path) -> Score:
    torch.set_num_threads(1)
    detector = load_detector(folder)

    def score(windows: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode():
            logits: NDArray[np.float32] = detector(torch.from_numpy(windows)).numpy()
        return logits

    return score


def _any_length(folder: Path, runtime: str) -> Score:
    infer = RUNTIMES[runtime](folder / GRAPH, None, 1)
    return lambda windows: infer(windows)[0]


def _exported(folder: Path, runtime: str) -> Score:
    exported = ExportedDetector.open(folder, runtime=runtime)
    return lambda windows: exported.run(windows)[0]


def _fresh(folder: Path) -> Path:
    torch.manual_seed(2026)
    save_detector(build_detector("aasist"), folder, WindowParams())
    export_detector(folder)
    return folder


if __name__ == "__main__":
    main()
