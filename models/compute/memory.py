"""Memory of the machine: how much is free, and how freed memory is kept for the next step."""

from __future__ import annotations

import ctypes
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from models.compute.control_groups import ROOT, allowed_memory

# malloc.h of glibc
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -3, -4
_MIB = 2**20
_MACHINE = Path("/proc/meminfo")
_GROUPS = (  # of control groups in their second and first form: the most, and what is taken
    (Path("/sys/fs/cgroup"), "memory.max", "memory.current"),
    (Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes", "memory.usage_in_bytes"),
)


SCARCE = 0.1  # share of the memory that is left for everybody else, before freed pages go back

_log = logging.getLogger(__name__)
_holders = 0  # of retained_memory, one inside the other
_gave_way = False  # since the outermost of them


@contextmanager
def retained_memory(device_type: str = "cpu") -> Iterator[None]:
    """Inside, tensors of one step live in the pages of the step before; Linux with glibc only.

    glibc maps each large block anew and the kernel zeroes it page by page: that is half of the
    processor time of a training step on a CPU. Afterwards freed memory goes back to the system,
    at the end of the outermost where one is inside another. Another device than the CPU has
    memory of its own: nothing changes then.
    """
    global _holders, _gave_way
    libc = _glibc() if device_type == "cpu" else None
    if libc is None:
        yield
        return
    if not _gave_way:
        libc.mallopt(_MMAP_MAX, 0)
        libc.mallopt(_TRIM_THRESHOLD, 2**31 - 1)
    _holders += 1
    try:
        yield
    finally:
        _holders -= 1
        if not _holders:
            _gave_way = False
            _give_back(libc)


def give_way() -> None:
    """Between two steps: end what `retained_memory` does, for good, where memory is short.

    A kept page is seldom where the next block fits, so that a process holds more than it uses:
    in training AASIST 0.8 instead of 0.4 GiB a clip.
    """
    global _gave_way
    if not _holders or _gave_way:
        return
    libc = _glibc()
    if libc is None or not is_scarce():
        return
    _gave_way = True
    _log.warning("memory is short: steps give back what they free, and take longer")
    _give_back(libc)


def is_scarce() -> bool:
    """Whether so little is free that what could be had again should not be kept."""
    free = free_memory()
    return free is not None and free < SCARCE * total_memory()


def _give_back(libc: ctypes.CDLL) -> None:
    # where glibc's own adaptive thresholds end up in a process that uses large blocks
    libc.mallopt(_MMAP_MAX, 65_536)
    libc.mallopt(_MMAP_THRESHOLD, 32 * _MIB)
    libc.mallopt(_TRIM_THRESHOLD, 64 * _MIB)
    libc.malloc_trim(0)


def free_memory() -> int | None:
    """Bytes that this process may still take, by the machine and by its control group.

    Files that the system keeps in memory do not count: it lets go of them. None where nothing is
    told: Linux alone does.
    """
    if not _MACHINE.is_file():
        return None
    free = 1024 * _figures(_MACHINE)["MemAvailable:"]
    return min([free, *(_headroom(*group) for group in _GROUPS if (group[0] / group[1]).is_file())])


def total_memory(root: Path = ROOT) -> int:
    """Bytes of the machine, or as many as its control groups allow; Linux only."""
    total = 1024 * _figures(root / "proc/meminfo")["MemTotal:"]
    return min(total, allowed_memory(root) or total)


def _headroom(group: Path, most: str, now: str) -> int:
    """Bytes that a control group may still take; no end of them where it has no limit."""
    limit = _limit(group, most)
    if limit == sys.maxsize:
        return limit
    figures = _figures(group / "memory.stat")
    files = figures["active_file"] + figures["inactive_file"]
    return limit - int((group / now).read_text()) + files


def _limit(group: Path, most: str) -> int:
    limit = (group / most).read_text().strip()
    return int(limit) if limit.isdigit() else sys.maxsize


def _figures(file: Path) -> dict[str, int]:
    """The second word of each line by the first."""
    lines = (line.split() for line in file.read_text().splitlines())
    return {line[0]: int(line[1]) for line in lines if len(line) > 1}


def _glibc() -> ctypes.CDLL | None:
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None)
    return libc if hasattr(libc, "mallopt") and hasattr(libc, "malloc_trim") else None
