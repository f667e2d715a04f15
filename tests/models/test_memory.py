from __future__ import annotations

import resource
import sys

import numpy as np
import pytest

from models.memory import retained_memory

BLOCK = 40_000_000  # bytes: beyond every threshold glibc chooses by itself


def faults() -> int:
    """Page faults while a large block is taken, written and freed ten times over."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        np.empty(BLOCK, np.uint8).fill(1)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc is on Linux")
def test_pages_are_zeroed_once_inside_and_given_back_afterwards() -> None:
    outside = faults()
    with retained_memory():
        inside = faults()
    assert inside < outside / 2
    assert faults() > outside / 2
