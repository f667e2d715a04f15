"""An endpoint starts as many processes as its share of the machine carries, not as the node has."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from infra.settings import Settings
from serving.assembly import DECODER_BYTES, decoders_per_worker, threads_per_worker

GIB = 2**30


def limited(root: Path, cores: str, memory: int) -> Path:
    """A machine of 64 GiB on which a container may use so much."""
    (root / "sys/fs/cgroup").mkdir(parents=True)
    (root / "proc").mkdir()
    (root / "proc/meminfo").write_text(f"MemTotal: {64 * 2**20} kB\n")
    (root / "sys/fs/cgroup/cpu.max").write_text(f"{cores} 100000\n")
    (root / "sys/fs/cgroup/memory.max").write_text(f"{memory}\n")
    return root


@pytest.mark.parametrize(
    ("cores", "memory", "workers", "threads", "decoders"),
    [
        ("max", 64 * GIB, 1, 32, 30),
        ("200000", 64 * GIB, 1, 2, 2),
        ("max", 2 * GIB, 1, 32, 1),
        ("400000", 16 * GIB, 1, 4, 4),
        ("400000", 4 * GIB, 1, 4, 1),
        ("800000", 16 * GIB, 2, 4, 3),
        ("50000", GIB // 2, 2, 1, 1),
    ],
)
def test_processes_follow_the_quota_and_the_memory_limit(
    cores: str,
    memory: int,
    workers: int,
    threads: int,
    decoders: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(32)), raising=False)
    root, settings = limited(tmp_path, cores, memory), Settings(endpoint_workers=workers)
    assert threads_per_worker(settings, root) == threads
    assert decoders_per_worker(settings, root) == decoders
    most = workers * decoders * DECODER_BYTES
    assert most <= memory or decoders == 1


def test_a_setting_for_the_threads_is_followed_as_far_as_the_memory_goes(tmp_path: Path) -> None:
    settings = Settings(endpoint_threads=3)
    root = limited(tmp_path, "100000", 2 * GIB)
    assert (threads_per_worker(settings, root), decoders_per_worker(settings, root)) == (3, 1)
