from __future__ import annotations

import os
from pathlib import Path

import pytest

from models.compute import cores
from models.compute.cores import decoding_processes, usable_cores


@pytest.mark.parametrize(
    ("quota", "expected"), [("max 100000", 8), ("250000 100000", 2), ("50000 100000", 1)]
)
def test_cores_are_those_of_the_affinity_and_the_quota(
    quota: str, expected: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sys/fs/cgroup").mkdir(parents=True)
    (tmp_path / "sys/fs/cgroup/cpu.max").write_text(f"{quota}\n")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    assert usable_cores(tmp_path) == expected


def test_a_few_files_are_decoded_without_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cores, "usable_cores", lambda: 4)
    assert [decoding_processes(files) for files in (0, 999, 1000, 10**6)] == [0, 0, 2, 4]
    monkeypatch.setattr(cores, "usable_cores", lambda: 1)
    assert decoding_processes(10**6) == 0
