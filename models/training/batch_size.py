"""How many clips the memory at hand holds in one training step, and how to tell when it did not."""

from __future__ import annotations

import copy
import logging
from pathlib import Path

import torch
from torch import nn

from models.compute.memory import free_memory
from models.detectors.detector import cm_score
from models.errors import InputError

SHARE = 0.7  # of the free memory: blocks of other sizes leave gaps, and others take some too
_TRIED = (2, 6)  # clips of the two steps from which the need of more is reckoned
_log = logging.getLogger(__name__)

# of a RuntimeError that torch raises on a CPU or from a library on a GPU
_SIGNS = ("not enough memory", "can't allocate memory", "out of memory", "ALLOC_FAILED")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that an allocation was too large, on any device."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in _SIGNS)


def find_batch_size(
    detector: nn.Module, samples: int, device: torch.device, mixed: bool, most: int
) -> int:
    """Clips of `samples` that a step can hold, from 1 to `most`; the detector is left as it was.

    Small steps are done on a copy, and memory is taken to grow evenly with clips. On a CPU this
    needs Linux (raises InputError elsewhere), and must be asked under `retained_memory` where the
    training will run under it: gaps between kept blocks can take as much as the blocks.
    """
    trial = copy.deepcopy(detector).train()

    def step(clips: int) -> None:
        waveforms = 0.1 * torch.randn(clips, samples).to(device)
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=mixed):
            logits = trial(waveforms)
        cm_score(logits.float()).sum().backward()  # type: ignore[no-untyped-call]
        trial.zero_grad(set_to_none=True)

    level, free = (_gpu_level, _gpu_free) if device.type == "cuda" else (_cpu_level, _cpu_free)
    budget = SHARE * free(device)
    before = level(device, True)
    levels = []
    for clips in (1, *_TRIED):  # what libraries set up once comes with the first
        step(clips)
        levels.append(level(device, False) - before)
    size = fitting(levels[1], levels[2], budget, most)
    _log.info("%d clips in a step: %.1f GiB are free", size, budget / SHARE / 2**30)
    return size


def fitting(small: int, large: int, budget: float, most: int) -> int:
    """Clips (1 to `most`) in a budget of bytes, by the bytes that two steps have taken."""
    few, more = _TRIED
    per_clip = max((large - small) / (more - few), 1.0)
    once = max(small - few * per_clip, 0.0)
    return max(1, min(int((budget - once) / per_clip), most))


def _gpu_level(device: torch.device, reset: bool) -> int:
    """The most bytes that torch has kept since the level was reset."""
    if reset:
        torch.cuda.reset_peak_memory_stats(device)
    return torch.cuda.max_memory_reserved(device)


def _gpu_free(device: torch.device) -> int:
    unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return torch.cuda.mem_get_info(device)[0] + unused


def _cpu_level(_: torch.device, reset: bool) -> int:
    """The most bytes that this process has held since the level was reset."""
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    return 1024 * _kib(Path("/proc/self/status"), "VmHWM")


def _cpu_free(_: torch.device) -> int:
    free = free_memory()
    if free is None or not Path("/proc/self/clear_refs").exists():
        raise InputError("training.batch_size: a number expected; 0 is for Linux and for GPUs")
    return free


def _kib(file: Path, name: str) -> int:
    """A figure of a file of /proc such as `VmRSS:     1234 kB`."""
    for line in file.read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    raise InputError(f"{file}: no {name}; training.batch_size: a number expected")
