"""Claims: a crop comes from the pack sooner than from its file, and augmentations hold no GPU up.

    python -m benchmarks.loader [CORPUS] [--rounds N]

CORPUS is a folder of FLAC files, ../shared/corpus unless given.

Crops of 64,600 samples, from the pack and from FLAC files that are decoded whole and then cut, as
the official AASIST code does: of utterances shorter than a crop, and of 10 s and more, joined from
others of the same folder. First out of the system's cache, by processor time; then, where the
system lets go of files, from the disk, by the clock. The ways take turns in each round; ratios are
medians over rounds.

Steps per second where every clip passes a room and a codec, without processes that work ahead and
with some: of AASIST, and, without a GPU, of a stand-in for one that takes a batch and waits.
`benchmarks.loader_ways` compares these processes with torch's DataLoader.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import soundfile
import torch
from numpy.typing import NDArray

from models.audio.reading import SAMPLE_RATE, read_audio
from models.compute.cores import usable_cores
from models.compute.memory import retained_memory
from models.compute.workers import TASKS_EACH
from models.data.clips import Clips, open_clips, pack
from models.detectors import build_detector
from models.params.training import TrainingParams
from models.training.loading import MOST_PROCESSES, batches_ahead
from models.training.losses import build_loss
from models.training.sampling import Sampler, crop
from models.training.transfer import build_optimiser
from models.trials import Trial

CORPUS = Path(__file__).resolve().parents[2] / "shared" / "corpus"
SAMPLES = 64_600
FILES = 240  # of each length
LONG_S = (10.0, 20.0)
HEAVY = {"room": 1.0, "codec": 1.0}
WAIT_S = 0.05  # of the stand-in: AASIST and a batch of 24 on a GPU
STEPS = 4
Learn = Callable[[NDArray[np.float32]], object]
Read = Callable[[int, np.random.Generator], NDArray[np.float32]]


def main() -> None:
    """Print clips a second with the ratio to whole files, then steps a second."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("corpus", nargs="?", type=Path, default=CORPUS)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    files = sorted(arguments.corpus.rglob("*.flac"))
    if not files:
        sys.stdout.write(f"{arguments.corpus}: no FLAC files, nothing to measure\n")
        return
    with TemporaryDirectory() as scratch:
        folder = Path(scratch)
        short = [file for file in files if soundfile.info(file).duration < SAMPLES / SAMPLE_RATE]
        chosen = _drawn(short)
        long = list(_join(files, folder))
        for name, paths in (("short", chosen), ("long", long)):
            _compare_reading(name, paths, folder, arguments.rounds)
        _compare_training(open_clips(folder, "long"), arguments.rounds)


def _drawn(files: Sequence[Path]) -> list[Path]:
    order = np.random.default_rng(0).permutation(len(files))[:FILES]
    return [files[index] for index in order]


def _join(files: Sequence[Path], folder: Path) -> Iterator[Path]:
    """Utterances of 10 to 20 s, as FLAC of 16 bits."""
    rng, source = np.random.default_rng(1), cycle(_drawn(files))
    for number in range(FILES):
        parts: list[NDArray[np.float32]] = []
        target = rng.uniform(*LONG_S) * SAMPLE_RATE
        while sum(part.size for part in parts) < target:
            parts.append(read_audio(next(source)))
        path = folder / f"{number}.flac"
        soundfile.write(path, np.concatenate(parts), SAMPLE_RATE, subtype="PCM_16")
        yield path


def _compare_reading(name: str, paths: Sequence[Path], folder: Path, rounds: int) -> None:
    trials = [Trial(str(i), path, f"A{i % 2}" if i % 2 else None) for i, path in enumerate(paths)]
    pack(trials, read_audio, folder, name)
    seconds = open_clips(folder, name).lengths.sum() / SAMPLE_RATE / len(paths)
    packed = folder / f"{name}.npy"
    for place, clock, files in (
        ("cache", time.process_time, ()),
        ("disk", time.perf_counter, (packed, *paths)),
    ):
        if files and not hasattr(os, "posix_fadvise"):
            continue
        rates = [_rates(paths, folder, name, clock, files, number) for number in range(rounds)]
        whole, packed = (median(rate) for rate in zip(*rates, strict=True))
        ratio = median(own / other for other, own in rates)
        sys.stdout.write(
            f"{len(paths)} {name} files of {seconds:.1f} s, from the {place:5}: "
            f"whole files {whole:6.0f} clips/s, pack {packed:6.0f} clips/s, {ratio:5.1f} x\n"
        )
        sys.stdout.flush()


def _rates(
    paths: Sequence[Path],
    folder: Path,
    name: str,
    clock: Callable[[], float],
    forgotten: Sequence[Path],
    number: int,
) -> tuple[float, float]:
    """Clips a second from whole files and from the pack, in turns."""
    _forget(forgotten)
    clips = open_clips(folder, name)
    ways: list[Read] = [
        lambda index, rng: _cut(soundfile.read(paths[index], dtype="float32")[0], rng),
        lambda index, rng: crop(clips, index, SAMPLES, rng),
    ]
    seconds = [0.0, 0.0]
    for way in (0, 1) if number % 2 else (1, 0):
        rng = np.random.default_rng(number)
        order = rng.permutation(len(paths))
        if not forgotten:
            ways[way](0, rng)
        started = clock()
        for index in order:
            ways[way](int(index), rng)
        seconds[way] = clock() - started
    return len(paths) / seconds[0], len(paths) / seconds[1]


def _cut(waveform: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    if waveform.size > SAMPLES:
        start = int(rng.integers(waveform.size - SAMPLES + 1))
        return waveform[start : start + SAMPLES]
    return np.tile(waveform, -(-SAMPLES // waveform.size))[:SAMPLES]


def _forget(files: Sequence[Path]) -> None:
    """Have the system read files from the disk when they are next asked for."""
    for file in files:
        descriptor = os.open(file, os.O_RDONLY)
        os.fsync(descriptor)  # it forgets only what is on the disk
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


def _compare_training(clips: Clips, rounds: int) -> None:
    learners: dict[str, tuple[int, Learn]] = {
        f"a GPU's stand-in, {1000 * WAIT_S:.0f} ms": (24, lambda _: time.sleep(WAIT_S)),
        f"AASIST on {torch.get_num_threads()} thread": (2, _aasist("cpu")),
    }
    if torch.cuda.is_available():
        learners = {"AASIST on the GPU": (24, _aasist("cuda"))}
    cores = usable_cores()
    processes = sorted({0, 1, min(cores, MOST_PROCESSES)})
    for name, (batch, learn) in learners.items():
        training = TrainingParams(batch_size=batch, steps_per_epoch=1000)
        sampler = Sampler(clips, training, HEAVY)
        rates = [
            [_steps(sampler, count, learn) for count in processes] for _ in range(min(rounds, 2))
        ]
        for count, own in zip(processes, zip(*rates, strict=True), strict=True):
            ratio = median(now / row[0] for now, row in zip(own, rates, strict=True))
            sys.stdout.write(
                f"{name}, batch {batch}, room and codec, {count} processes ahead: "
                f"{median(own):6.2f} steps/s, {ratio:5.2f} x\n"
            )
        sys.stdout.flush()


def _steps(sampler: Sampler, processes: int, learn: Learn) -> float:
    """Steps a second by the clock, once it has settled."""
    first = TASKS_EACH * processes + 1  # by then nothing is left of what was made at the start
    with retained_memory(), batches_ahead(sampler, processes, 0) as batches:
        for step in range(first):
            learn(batches(step)[0])
        started = time.perf_counter()
        for step in range(first, first + STEPS):
            learn(batches(step)[0])
        return STEPS / (time.perf_counter() - started)


def _aasist(device: str) -> Learn:
    training = TrainingParams()
    detector = build_detector("aasist").train().to(device, memory_format=torch.channels_last)
    optimiser, loss = build_optimiser(detector, training), build_loss(training)

    def learn(waveforms: NDArray[np.float32]) -> None:
        labels = torch.arange(len(waveforms), device=device) % 2
        optimiser.zero_grad(set_to_none=True)
        with torch.autocast(device, dtype=torch.bfloat16, enabled=device == "cuda"):
            logits = detector(torch.from_numpy(waveforms).to(device))
        value = loss(logits.float(), labels)
        value.backward()
        optimiser.step()
        value.item()

    return learn


if __name__ == "__main__":
    main()
