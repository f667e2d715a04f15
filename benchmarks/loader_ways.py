"""Claims: DataLoader and an executor make batches no faster than our workers, and end worse.

    [WAIT_S=0.05] python -m benchmarks.loader_ways [--rounds N]

Two workers make batches of 24 clips of 4.04 s for a stand-in for a GPU, which takes a batch and
waits WAIT_S seconds. The variants are our own workers; torch's DataLoader with a data set that maps
a step to its batch, for each way to start processes; and ProcessPoolExecutor. Every figure comes
from a fresh process, the variants in turns: seconds to the first batch; steps a second, and the
ratio to our workers; memory that the workers share with no other process; what the training does
if one of its workers is killed; and how long the workers live if the training is killed.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import psutil
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset

from models.compute.memory import retained_memory
from models.data.clips import Clips, open_clips, pack
from models.params.tree import TrainingParams
from models.training.loading import Batches, batches_ahead
from models.training.sampling import Sampler
from models.trials import Trial

PROCESSES = 2
WAIT_S = float(os.environ.get("WAIT_S", "0.05"))  # of the stand-in for a GPU
SETTLED, STEPS = 8, 30
SECONDS = 30.0  # after which a process that was to end lives on
TRAINING = TrainingParams(batch_size=24, steps_per_epoch=100_000)
Pair = tuple[torch.Tensor, torch.Tensor]
Result = dict[str, float | str]


class Steps(Dataset[Pair]):
    """Maps a step to its batch, like Sampler; a process opens the packed clips by their name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sampler = _sampler(folder)

    def __reduce__(self) -> tuple[type[Steps], tuple[Path]]:
        """Its folder."""
        return Steps, (self.folder,)

    def __getitem__(self, step: int) -> Pair:
        """Waveforms (batch, samples) and labels (batch,)."""
        waveforms, labels = self.sampler.batch(step)
        return torch.from_numpy(waveforms), torch.from_numpy(labels)


@contextmanager
def data_loader(folder: Path, method: str) -> Iterator[Batches]:
    """Batches of the steps in their order, by torch's DataLoader."""
    context = get_context(method)
    if method == "forkserver":
        context.set_forkserver_preload(["torch", "models.training.sampling"])
    loader = DataLoader(
        Steps(folder), batch_size=None, sampler=range(TRAINING.steps_per_epoch),
        num_workers=PROCESSES, prefetch_factor=2, multiprocessing_context=context,
    )  # fmt: skip
    pairs = iter(loader)
    yield lambda _: (next(pairs)[0].numpy(), np.empty(0, np.int64))


@contextmanager
def executor(folder: Path) -> Iterator[Batches]:
    """The same by concurrent.futures, with fresh interpreters."""
    with ProcessPoolExecutor(
        PROCESSES, get_context("spawn"), initializer=_open, initargs=(folder,)
    ) as pool:
        waiting = deque(pool.submit(_batch, step) for step in range(2 * PROCESSES))

        def batches(step: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
            waiting.append(pool.submit(_batch, step + 2 * PROCESSES))
            return waiting.popleft().result()

        yield batches


def _open(folder: Path) -> None:
    _samplers.append(_sampler(folder))


def _batch(step: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    return _samplers[0].batch(step)


_samplers: list[Sampler] = []  # of a process of the executor
WAYS: dict[str, Callable[[Path], object]] = {
    "antiphon": lambda folder: batches_ahead(_sampler(folder), PROCESSES, 0),
    **{
        f"DataLoader, {method}": partial(data_loader, method=method)
        for method in ("fork", "forkserver", "spawn")
    },
    "ProcessPoolExecutor": executor,
}


def main() -> None:
    """Print a row for each way."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--trainer", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.trainer:
        _train(arguments.trainer[0], Path(arguments.trainer[1]))
        return
    with TemporaryDirectory() as scratch:
        folder = Path(scratch)
        rng = np.random.default_rng(0)
        trials = [Trial(str(i), Path(str(i)), f"A{i}" if i % 2 else None) for i in range(48)]
        pack(trials, lambda _: 0.1 * rng.standard_normal(160_000, np.float32), folder, "train")
        rounds = [[_round(way, folder) for way in WAYS] for _ in range(arguments.rounds)]
    columns = dict(zip(WAYS, zip(*rounds, strict=True), strict=True))
    for way, results in columns.items():
        sys.stdout.write(_row(way, results, columns["antiphon"]) + "\n")


def _row(way: str, results: Sequence[Result], antiphon: Sequence[Result]) -> str:
    start, rate, memory, lives = (
        median(float(result[name]) for result in results)
        for name in ("start", "rate", "memory", "lives")
    )
    pairs = zip(results, antiphon, strict=True)
    ratio = median(float(result["rate"]) / float(own["rate"]) for result, own in pairs)
    ends = Counter(str(result["end"]) for result in results)
    outcome = ", ".join(f"{count} of {len(results)} {end}" for end, count in ends.most_common())
    return (
        f"{way:22}: first batch after {start:4.1f} s, {rate:5.2f} steps/s, {ratio:4.2f} x, "
        f"{memory:4.0f} MiB; "
        f"a worker is killed: {outcome}; the training is killed: "
        f"workers live {'on' if lives >= SECONDS else f'{lives:.1f} s'}"
    )


def _round(way: str, folder: Path) -> Result:
    """One training for speed, one whose worker is killed, one that is killed itself."""
    with _trainer(way, folder) as (_, _, progress):
        while "rate" not in progress():
            time.sleep(0.1)
        figures = progress()
    return {**figures, "end": _without_a_worker(way, folder), "lives": _orphans(way, folder)}


def _without_a_worker(way: str, folder: Path) -> str:
    with _trainer(way, folder) as (trainer, helpers, progress):
        workers = [helper for helper in helpers if _works(helper)]
        time.sleep(np.random.default_rng().uniform(0.0, 0.1))
        workers[0].kill()
        time.sleep(10.0)
        if trainer.poll() is not None:
            return "fail"
        before = progress()
        time.sleep(2.0)
        return "go on" if progress() != before else "hang"


def _orphans(way: str, folder: Path) -> float:
    """Seconds that a helper lives after the training was killed."""
    with _trainer(way, folder) as (trainer, helpers, _):
        trainer.kill()
        started = time.monotonic()
        psutil.wait_procs(helpers, timeout=SECONDS)
        return time.monotonic() - started


@contextmanager
def _trainer(
    way: str, folder: Path
) -> Iterator[tuple[subprocess.Popen[bytes], list[psutil.Process], Callable[[], dict[str, float]]]]:
    """A training under way, the processes that it started, and its last word."""
    word = folder / "progress.json"
    word.unlink(missing_ok=True)
    command = [sys.executable, "-m", "benchmarks.loader_ways", "--trainer", way, str(folder)]
    trainer = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    helpers: list[psutil.Process] = []
    try:
        while not word.exists():
            time.sleep(0.05)
        helpers = psutil.Process(trainer.pid).children(recursive=True)
        yield trainer, helpers, lambda: json.loads(word.read_text())
    finally:
        for process in (*helpers, trainer):
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGKILL)
        trainer.wait()


def _works(process: psutil.Process) -> bool:
    return not process.children() and "resource_tracker" not in " ".join(process.cmdline())


def _train(way: str, folder: Path) -> None:
    """Take batches without end; the last word is written whole."""
    started = time.perf_counter()
    with retained_memory(), WAYS[way](folder) as batches:  # type: ignore[attr-defined]
        batches(0)
        figures = {"start": time.perf_counter() - started}
        for step in range(1, TRAINING.steps_per_epoch):
            batches(step)
            time.sleep(WAIT_S)
            if step == SETTLED:
                settled = time.perf_counter()
            if step == SETTLED + STEPS:
                figures["rate"] = STEPS / (time.perf_counter() - settled)
                helpers = psutil.Process().children(recursive=True)
                figures["memory"] = sum(p.memory_full_info().uss for p in helpers) / 2**20
            if step >= SETTLED:
                _say(folder / "progress.json", {**figures, "step": step})


def _say(path: Path, word: dict[str, float]) -> None:
    path.with_suffix(".part").write_text(json.dumps(word))
    path.with_suffix(".part").replace(path)


def _sampler(folder: Path) -> Sampler:
    clips: Clips = open_clips(folder, "train")
    return Sampler(clips, TRAINING, {})


if __name__ == "__main__":
    main()
