"""Batches of coming steps, made by processes while the trainer learns.

A batch is a pure function of its step, so it is the same whoever makes it, and nothing about what
was made ahead has to be kept: a training that is taken up begins to look ahead from its step.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from models.compute.cores import usable_cores
from models.compute.memory import free_memory
from models.compute.workers import TASKS_EACH, Crew
from models.params.training import TrainingParams
from models.training.sampling import Sampler
from models.training.shared_batches import SharedBatches

Batches = Callable[[int], tuple[NDArray[np.float32], NDArray[np.int64]]]  # of a step

MOST_BYTES = 2 * 2**30  # of all batches that wait
FREE_SHARE = 0.1  # of the free memory, that batches may take
MOST_PROCESSES = 16  # by themselves; more can be asked for

_log = logging.getLogger(__name__)


@contextmanager
def batches_ahead(sampler: Sampler, processes: int, first: int) -> Iterator[Batches]:
    """Batches of steps, made ahead from step `first` on; 0 processes: each when it is asked for.

    The audio must be packed: clips held in memory are not sent to processes.
    """
    if processes and not isinstance(sampler.clips.samples, np.memmap):
        _log.warning("training.loader_workers: the clips lie in memory, batches are made here")
        processes = 0
    if not processes:
        yield sampler.batch
        return
    count = room(sampler.shape, TASKS_EACH * processes)
    with SharedBatches(count, sampler.shape) as shared:
        work = partial(_fill, sampler.without_trials(), shared)
        with Crew(work, min(processes, count), [shared.descriptor]) as crew:
            yield Loader(sampler, crew, shared, first, first).batch


@dataclass
class Loader:
    """Takes batches in the order of steps; any other is made here."""

    sampler: Sampler
    crew: Crew[int, tuple[NDArray[np.int64], int]]
    shared: SharedBatches
    next_step: int  # the first step that no process was asked for
    coming: int  # the first step that was not taken

    def __post_init__(self) -> None:
        """Look ahead at once."""
        self._ask(self.shared.count)

    def batch(self, step: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Waveforms (rows, samples) and labels (batch,) of a step, as Sampler gives them."""
        if not self.coming == step < self.next_step:
            return self.sampler.batch(step)
        labels, samples = self.crew.answer()
        waveforms = self.shared[step][:, :samples].copy()
        self.coming += 1
        count = room(self.shared.shape, self.shared.count)
        if count < self.shared.count:
            self.shared.give_back(step)
        self._ask(count)
        return waveforms, labels

    def _ask(self, count: int) -> None:
        end = min(self.coming + count, self.sampler.epochs.steps)
        while self.next_step < end:
            self.crew.ask(self.next_step)
            self.next_step += 1


def room(shape: tuple[int, int], most: int) -> int:
    """How many batches of float32 may wait, from 1 to `most`, by the memory that is free now."""
    free = free_memory()
    budget = MOST_BYTES if free is None else min(MOST_BYTES, FREE_SHARE * free)
    return max(1, min(most, int(budget / (4 * shape[0] * shape[1]))))


def loader_processes(training: TrainingParams, device: str) -> int:
    """How many `training.loader_workers` asks for.

    `auto` is none on a CPU, where they would take the cores that the trainer learns on, and on a
    GPU its share of the other cores.
    """
    if training.loader_workers != "auto":
        return training.loader_workers
    if device != "cuda":
        return 0
    trainers = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))  # torchrun's, on this machine
    return max(0, min(MOST_PROCESSES, usable_cores() // trainers - 1))


def _fill(sampler: Sampler, shared: SharedBatches, step: int) -> tuple[NDArray[np.int64], int]:
    """Put the waveforms (rows, samples) of a step in their place; its labels (batch,), samples."""
    waveforms, labels = sampler.batch(step, shared[step])
    return labels, waveforms.shape[1]
