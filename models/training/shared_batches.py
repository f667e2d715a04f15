"""Waveforms of a few batches in memory that several processes see, and that ends with them."""

from __future__ import annotations

import mmap
import os
import tempfile
from collections.abc import Callable
from math import prod
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

_Shape = tuple[int, int]


class SharedBatches:
    """Room for `count` batches of float32 of one shape, taken from the system as it is filled.

    It has no name that could be left behind and takes nothing of /dev/shm, which is small in
    containers. A process that inherits `descriptor` sees the same memory after unpickling.
    """

    def __init__(self, count: int, shape: _Shape, descriptor: int | None = None) -> None:
        self.count, self.shape = count, shape
        self._bytes = -(-4 * prod(shape) // mmap.PAGESIZE) * mmap.PAGESIZE  # of one, in whole pages
        self.descriptor = _unnamed_file() if descriptor is None else descriptor
        if descriptor is None:
            os.ftruncate(self.descriptor, count * self._bytes)
        self._memory = mmap.mmap(self.descriptor, count * self._bytes)

    def __reduce__(self) -> tuple[Callable[..., SharedBatches], tuple[int, _Shape, int]]:
        """How a process that inherits the descriptor comes to see it."""
        return SharedBatches, (self.count, self.shape, self.descriptor)

    def __enter__(self) -> SharedBatches:
        """The room; after the block no process can begin to see it."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        """Close the descriptor; memory goes back with the last array that shows it."""
        os.close(self.descriptor)

    def __getitem__(self, number: int) -> NDArray[np.float32]:
        """Batch `number`, counted round and round: an array over the shared memory."""
        place = number % self.count * self._bytes
        flat = np.frombuffer(self._memory, np.float32, prod(self.shape), place)
        return flat.reshape(self.shape)

    def give_back(self, number: int) -> None:
        """Let the system have the memory of one batch; Linux does, until it is filled again."""
        if hasattr(mmap, "MADV_REMOVE"):
            self._memory.madvise(mmap.MADV_REMOVE, number % self.count * self._bytes, self._bytes)


def _unnamed_file() -> int:
    if hasattr(os, "memfd_create"):
        return os.memfd_create("antiphon-batches")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
