"""What a GPU does in ten minutes: steps, memory, the loader, and the factorial table from it.

    python -m benchmarks.gpu CORPUS OUT [--minutes 10]

One after the other: a training step of AASIST and of a front in float32, bf16 and compiled, beside
the official arithmetic, with peak memory; clips a second that the loader makes, beside those that
the fastest step takes; then, in the time that is left, the factorial table of the recipes in
`benchmarks/factorial/`, whose trainings go on until dev stops improving. The table goes on
where an earlier call stopped. OUT/gpu.json has the figures. Without a GPU the same runs small on
the CPU: the program is tried, and its figures say nothing about a GPU.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from benchmarks.training_step import GIB, SAMPLES, Way, build_step
from models.audio.reading import read_audio
from models.data.clips import Clips, is_packed, open_clips, pack
from models.data.protocols.reading import read_protocol
from models.files.whole_files import write_json
from models.params.training import TrainingParams
from models.training.loading import batches_ahead, loader_processes
from models.training.sampling import Sampler

DETECTORS = ("aasist", "whisper")
WAYS = {
    "official arithmetic": Way(plain=True),
    "float32": Way(),
    "bf16": Way(bf16=True),
    "bf16, compiled": Way(bf16=True, compiled=True),
}
FACTORIAL = Path(__file__).with_name("factorial")
AUGMENTATION = {"gain": 0.5, "channel": 0.6}


@dataclass(frozen=True)
class Scale:
    """How much is measured: `batch` clips a step, `steps` of them after the first two."""

    device: str
    batch: int
    steps: int
    samples: int


def main() -> None:
    """Print each figure as it is measured, and write OUT/gpu.json."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("corpus", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float, default=10.0)
    arguments = parser.parse_args()
    deadline = time.monotonic() + 60 * arguments.minutes
    gpu = torch.cuda.is_available()
    scale = Scale("cuda", 64, 20, SAMPLES) if gpu else Scale("cpu", 2, 1, 16_000)
    arguments.out.mkdir(parents=True, exist_ok=True)
    device = torch.cuda.get_device_name() if gpu else "CPU, at a small scale"
    say(f"{device}, torch {torch.__version__}, {scale.batch} clips of {scale.samples} samples")
    steps = measure_steps(scale)
    fastest = max(row["clips_per_s"] for row in steps.values())
    loader = measure_loader(packed(arguments.corpus, arguments.out), scale)
    say(f"loader: {loader:.0f} clips/s, {loader / fastest:.2f} of what the fastest step takes")
    figures = {"device": device, "scale": asdict(scale), "steps": steps, "loader": loader}
    write_json(arguments.out / "gpu.json", figures)
    run_factorial(arguments.corpus, arguments.out, deadline - time.monotonic())


def measure_steps(scale: Scale) -> dict[str, dict[str, float]]:
    """Seconds, clips a second and peak GiB of a step, for each detector and way."""
    figures: dict[str, dict[str, float]] = {}
    for name in DETECTORS:
        for title, way in WAYS.items():
            if way.plain and name != "aasist":
                continue  # its official arithmetic is that of the blocks
            if way.compiled and scale.device == "cpu":
                continue  # a minute and more for each
            row = measure_step(
                build_step(way, scale.batch, scale.samples, name, scale.device), scale
            )
            figures[f"{name}, {title}"] = row
            say(f"{name:8} {title:20} {', '.join(f'{n} {v:.4g}' for n, v in row.items())}")
    return figures


def measure_step(step: Callable[[], None], scale: Scale) -> dict[str, float]:
    """The mean of `scale.steps` steps, after two that set things up."""
    gpu = scale.device == "cuda"
    if gpu:
        torch.cuda.reset_peak_memory_stats()
    for _ in range(2):
        step()
    wait(scale.device)
    began = time.perf_counter()
    for _ in range(scale.steps):
        step()
    wait(scale.device)
    seconds = (time.perf_counter() - began) / scale.steps
    row = {"seconds": seconds, "clips_per_s": scale.batch / seconds}
    return {**row, "peak_gib": torch.cuda.max_memory_allocated() / GIB} if gpu else row


def wait(device: str) -> None:
    """Return when the device has done what it was asked."""
    if device == "cuda":
        torch.cuda.synchronize()


def packed(corpus: Path, out: Path) -> Clips:
    """The corpus as training reads it, packed once."""
    if not is_packed(out / "clips", "all"):
        trials = read_protocol("antiphon", corpus).trials
        pack(trials, read_audio, out / "clips", "all", progress=True)
    return open_clips(out / "clips", "all")


def measure_loader(clips: Clips, scale: Scale) -> float:
    """Clips a second of augmented batches, made ahead as in training."""
    training = TrainingParams(batch_size=scale.batch, crop_samples=scale.samples)
    sampler = Sampler(clips, training, AUGMENTATION)
    steps = 2 + scale.steps
    with batches_ahead(sampler, loader_processes(training, scale.device), 0) as batches:
        for step in range(2):
            batches.batch(step)
        began = time.perf_counter()
        for step in range(2, steps):
            batches.batch(step)
        return scale.batch * scale.steps / (time.perf_counter() - began)


def run_factorial(corpus: Path, out: Path, seconds: float) -> None:
    """The factorial table, as far as the time goes."""
    command = [Path(sys.executable).with_name("antiphon"), "cross-validate", "--plan", "factorial"]
    command += ["--protocol", "antiphon", "--root", corpus, "--params", FACTORIAL / "params.yaml"]
    command += ["--recipes", FACTORIAL / "recipes.yaml"]
    command += ["--out", out / "factorial"]
    try:
        subprocess.run(command, check=False, timeout=max(1.0, seconds))
    except subprocess.TimeoutExpired:
        say("factorial: the time is over; the same command goes on from here")


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
