from __future__ import annotations

import subprocess
import sys

import pytest

# page faults while a large block is taken, written and freed ten times over: as a process starts,
# inside, and after
COUNTED = """
import resource

import numpy as np

from models.memory import retained_memory

BLOCK = 40_000_000  # bytes: beyond every threshold glibc chooses by itself

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        np.empty(BLOCK, np.uint8).fill(1)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

before = faults()
with retained_memory():
    inside = faults()
print(before, inside, faults())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc is on Linux")
def test_pages_are_zeroed_once_inside_and_given_back_afterwards() -> None:
    done = subprocess.run(
        [sys.executable, "-c", COUNTED], capture_output=True, text=True, timeout=60, check=True
    )
    before, inside, after = map(int, done.stdout.split())
    assert inside < before / 2
    assert after > before / 2
