"""Limits of control groups are read wherever a system keeps them."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.compute.control_groups import allowed_cores, allowed_memory
from models.compute.memory import total_memory

GIB = 2**30
NO_LIMIT_V1 = "9223372036854771712"  # what the first form says


def machine(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{text}\n")
    return root


SYSTEMS = {
    "a container, second form": (
        {
            "proc/self/cgroup": "0::/",
            "sys/fs/cgroup/cpu.max": "150000 100000",
            "sys/fs/cgroup/memory.max": str(2 * GIB),
        },
        (1.5, 2 * GIB),
    ),
    "a container, first form": (
        {
            "proc/self/cgroup": "4:memory:/docker/abc\n2:cpu,cpuacct:/docker/abc",
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "300000",
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": str(GIB),
        },
        (3.0, GIB),
    ),
    "a systemd unit below a slice with a lower limit": (
        {
            "proc/self/cgroup": "0::/work.slice/antiphon.service",
            "sys/fs/cgroup/work.slice/cpu.max": "100000 100000",
            "sys/fs/cgroup/work.slice/memory.max": "max",
            "sys/fs/cgroup/work.slice/antiphon.service/cpu.max": "400000 100000",
            "sys/fs/cgroup/work.slice/antiphon.service/memory.max": str(3 * GIB),
        },
        (1.0, 3 * GIB),
    ),
    "a batch job, first form beside the second": (
        {
            "proc/self/cgroup": "4:memory:/job/7\n1:cpu:/job/7\n0::/job/7",
            "sys/fs/cgroup/cpu/job/7/cpu.cfs_quota_us": "50000",
            "sys/fs/cgroup/cpu/job/7/cpu.cfs_period_us": "100000",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": NO_LIMIT_V1,
            "sys/fs/cgroup/memory/job/7/memory.limit_in_bytes": str(GIB),
        },
        (0.5, GIB),
    ),
    "no limits, second form": (
        {
            "proc/self/cgroup": "0::/user.slice",
            "sys/fs/cgroup/user.slice/cpu.max": "max 100000",
            "sys/fs/cgroup/user.slice/memory.max": "max",
        },
        (None, None),
    ),
    "no limits, first form": (
        {
            "proc/self/cgroup": "4:memory:/\n1:cpu:/",
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": NO_LIMIT_V1,
        },
        (None, int(NO_LIMIT_V1)),
    ),
    "no control groups": ({}, (None, None)),
}


@pytest.mark.parametrize("name", SYSTEMS)
def test_the_lowest_limit_of_the_group_and_those_above_holds(name: str, tmp_path: Path) -> None:
    files, expected = SYSTEMS[name]
    root = machine(tmp_path, files)
    assert (allowed_cores(root), allowed_memory(root)) == expected


def test_a_limit_above_what_the_machine_has_is_none(tmp_path: Path) -> None:
    files, _ = SYSTEMS["no limits, first form"]
    root = machine(tmp_path, {**files, "proc/meminfo": "MemTotal:  4194304 kB"})
    assert total_memory(root) == 4 * GIB
    assert total_memory(machine(root, {"sys/fs/cgroup/memory.max": str(GIB)})) == GIB


def test_the_machine_that_runs_this_can_be_asked() -> None:
    cores, memory = allowed_cores(), allowed_memory()
    assert cores is None or cores > 0
    assert memory is None or memory > 0
