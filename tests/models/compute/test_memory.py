from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from models.compute import memory
from models.compute.memory import free_memory

# page faults while a large block is taken, written and freed ten times over: as a process starts,
# inside, and after
COUNTED = """
import ctypes
import resource

import numpy as np

from models.compute import memory
from models.compute.memory import retained_memory

ctypes.CDLL(None).prctl(41, 1, 0, 0, 0)  # PR_SET_THP_DISABLE: huge pages come as the kernel likes
BLOCK = 40_000_000  # bytes: beyond every threshold glibc chooses by itself

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        np.empty(BLOCK, np.uint8).fill(1)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

before = faults()
with retained_memory():
    with retained_memory():
        pass
    memory.give_way()
    plenty = faults()
    memory.SCARCE = 1.1
    memory.give_way()
    with retained_memory():
        short = faults()
print(before, plenty, short, faults())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc is on Linux")
def test_pages_are_zeroed_once_while_memory_is_plenty_and_given_back_otherwise() -> None:
    done = subprocess.run(
        [sys.executable, "-c", COUNTED], capture_output=True, text=True, timeout=60, check=True
    )
    before, plenty, short, after = map(int, done.stdout.split())
    assert plenty < before / 2
    assert short > before / 2
    assert after > before / 2


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells")
def test_free_memory_is_what_the_machine_and_the_group_leave(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "_GROUPS", [(tmp_path, "memory.max", "memory.current")])
    machine = free_memory()
    assert machine is not None
    assert machine > 2**24
    (tmp_path / "memory.max").write_text("max\n")
    assert free_memory() == pytest.approx(machine, rel=0.5)
    (tmp_path / "memory.max").write_text("1000000\n")
    (tmp_path / "memory.current").write_text("900000\n")
    (tmp_path / "memory.stat").write_text("anon 400000\nactive_file 300000\ninactive_file 200000\n")
    assert free_memory() == 600_000  # files that it keeps in memory are no obstacle
