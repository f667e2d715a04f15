"""How many processor cores there are to use, and how many processes that makes worth while."""

from __future__ import annotations

import os
from pathlib import Path

_QUOTA = Path("/sys/fs/cgroup/cpu.max")  # microseconds of processor time, in how many
_FILES_EACH = 500  # of speech, decoded in the time that a process takes to start


def usable_cores() -> int:
    """By its affinity and, on Linux, by the quota of its control group; at least 1."""
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    return max(1, min(cores, int(_quota(cores))))


def decoding_processes(files: int) -> int:
    """How many processes decode so many files sooner than this one does alone; 0: none."""
    processes = min(usable_cores(), files // _FILES_EACH)
    return processes if processes > 1 else 0


def _quota(otherwise: float) -> float:
    quota, _, period = _QUOTA.read_text().partition(" ") if _QUOTA.is_file() else ("max", "", "")
    return float(quota) / float(period) if quota != "max" else otherwise
