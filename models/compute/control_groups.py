"""What the control groups of Linux allow this process: processor time and memory.

A container, a systemd unit or a batch job limits its processes by control groups, in their first or
second form. The group of the process and all groups above it count; the lowest limit holds.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

ROOT = Path("/")
# where a controller is mounted: second form alone, second beside first, first form
_MOUNTS = {
    "cpu": ("", "unified", "cpu,cpuacct", "cpu"),
    "memory": ("", "unified", "memory"),
}


def allowed_cores(root: Path = ROOT) -> float | None:
    """Cores' worth of processor time by the lowest quota, e.g. 1.5; None without a quota.

    `root` holds proc/self/cgroup and sys/fs/cgroup.
    """
    quotas = [quota for group in _groups("cpu", root) if (quota := _quota(group)) is not None]
    return min(quotas, default=None)


def allowed_memory(root: Path = ROOT) -> int | None:
    """Bytes by the lowest limit; None without a limit."""
    names = ("memory.max", "memory.limit_in_bytes")
    limits = [_number(group / name) for group in _groups("memory", root) for name in names]
    return min((limit for limit in limits if limit is not None), default=None)


def _groups(controller: str, root: Path) -> Iterator[Path]:
    """The folders of the group of this process, and of those above it, in every form."""
    for mount in _MOUNTS[controller]:
        base = root / "sys/fs/cgroup" / mount
        for path in {"/", *_paths(controller, root)}:
            inside = PurePosixPath(path.strip("/"))
            for group in (inside, *inside.parents):
                yield base / group


def _paths(controller: str, root: Path) -> Iterator[str]:
    """The paths of a controller's groups in /proc/self/cgroup."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if not controllers or controller in controllers.split(","):
            yield path


def _quota(group: Path) -> float | None:
    if (words := _text(group / "cpu.max").split()) and words[0].isdigit():
        return int(words[0]) / int(words[1])
    quota, period = (_number(group / f"cpu.cfs_{name}_us") for name in ("quota", "period"))
    return quota / period if quota and period else None


def _number(file: Path) -> int | None:
    """The number in a file; None where it is absent, or says -1 or max."""
    text = _text(file)
    return int(text) if text.isdigit() else None


def _text(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError:
        return ""
