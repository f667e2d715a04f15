"""How many processor cores there are to use, and how many processes that makes worth while."""

from __future__ import annotations

import os
from pathlib import Path

from models.compute.control_groups import ROOT, allowed_cores

_FILES_EACH = 500  # of speech, decoded in the time that a process takes to start


def usable_cores(root: Path = ROOT) -> int:
    """By its affinity and, on Linux, by the quota of its control groups; at least 1."""
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    return max(1, min(cores, int(allowed_cores(root) or cores)))


def decoding_processes(files: int) -> int:
    """How many processes decode so many files sooner than this one does alone; 0: none."""
    processes = min(usable_cores(), files // _FILES_EACH)
    return processes if processes > 1 else 0
