"""How much memory a process takes to serve a detector."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from models.compute.workers import Crew

_STATUS = Path("/proc/self/status")  # of Linux


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
    from models.packaging.runtime import ExportedDetector

    if folder is not None:
        opened = ExportedDetector.open(folder, runtime=runtime)
        opened.run(np.zeros((1, opened.manifest.window.samples), dtype=np.float32))
    return os.getpid(), _most_resident()


def _most_resident() -> int | None:
    if not _STATUS.is_file():
        return None
    lines = (line.split() for line in _STATUS.read_text("utf-8").splitlines())
    return next((1024 * int(line[1]) for line in lines if line[0] == "VmHWM:"), None)
