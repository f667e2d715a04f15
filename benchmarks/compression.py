"""Claim: compressed, AASIST is smaller and faster, and what that costs in errors is known.

    python -m benchmarks.compression SHARED [--trials N] [--steps N] [--work FOLDER]

SHARED holds `weights/AASIST.pth` and `corpus/`, as the tests use them. The official weights are
made into int8, float16, half the channels (then trained for some steps with the whole detector as
teacher) and a narrow student that only ever heard the teacher and the labels. Each is scored on the
first window of N trials of eval that cover its classes, attacks and speakers. Latency is processor
time of one core, measured in turns. What FOLDER holds already is not made again.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

os.environ["OMP_NUM_THREADS"] = "1"  # read when torch is imported

import numpy as np
import torch

from flows.candidate.packing import pack_partitions
from flows.gate.measure_costs import measure_costs
from flows.lab.compress import KINDS, Material
from models.data.clips import Clips
from models.evaluation.metrics.eer import eer
from models.files.manifest import MANIFEST
from models.packaging.checkpoint import import_weights
from models.packaging.export import export_detector
from models.packaging.runtime import RUNTIMES, ExportedDetector
from models.params.compression import CompressionParams
from models.params.detector import DetectorParams
from models.params.training import TrainingParams
from models.params.tree import Params
from models.training.continual.coverage import cover
from models.trials import Partition

STUDENT = {"widths": [16, 16, 32, 32], "graph_dims": [32, 16]}  # the sizes that pruning leaves
CROP = 24_000  # samples of a training clip: 1.5 s, for the time of this benchmark


def main(arguments: Sequence[str]) -> None:
    """Make every form, and print a table of errors against latency and size."""
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--work", type=Path)
    options = parser.parse_args(arguments)
    with TemporaryDirectory() as scratch:
        work = options.work or Path(scratch)
        corpus = pack_partitions(
            "antiphon", options.shared / "corpus", Params().data, list(Partition), work / "packed"
        )
        clips = dict(zip(Partition, corpus, strict=True))
        folders = _make(work, options.shared, clips, _params(options.steps))
        trials = clips[Partition.EVAL].take(cover(clips[Partition.EVAL], options.trials, seed=1))
        sys.stdout.write(f"{len(trials)} trials of eval, {options.steps} steps of training\n")
        for runtime in RUNTIMES:
            _tell_costs(runtime, folders)
        for name, folder in folders.items():
            _tell_errors(name, folder, trials)


def _params(steps: int) -> Params:
    training = TrainingParams(
        batch_size=8, steps_per_epoch=steps, epochs=1, crop_samples=CROP, learning_rate=1e-3
    )
    return Params(
        detector=DetectorParams("aasist", STUDENT),
        training=training,
        compression=CompressionParams(
            calibration_clips=32, listened_clips=12, learning_rate=3e-4, epochs=1
        ),
        augmentation={"gain": 0.5, "white_noise": 0.3},
    )


def _make(
    work: Path, shared: Path, clips: dict[Partition, Clips], params: Params
) -> dict[str, Path]:
    whole = work / "float32"
    if not (whole / MANIFEST).is_file():
        import_weights("aasist", shared / "weights" / "AASIST.pth", whole)
        export_detector(whole)
    dev = clips[Partition.DEV]
    dev = dev.take(cover(dev, 60, seed=1)).beginnings(CROP)  # looked at once, after the training
    material = Material(whole, clips[Partition.TRAIN], dev, params)
    folders = {"float32": whole}
    for kind, write in KINDS.items():
        folders[kind] = work / kind
        if (folders[kind] / MANIFEST).is_file():
            continue
        beside = replace(material, dev=clips[Partition.DEV]) if kind == "int8" else material
        folders[kind].mkdir(parents=True, exist_ok=True)
        write(beside, folders[kind])
    return folders


def _tell_costs(runtime: str, folders: dict[str, Path]) -> None:
    costs = measure_costs(list(folders.values()), runtime)
    for name, cost in zip(folders, costs, strict=True):
        sys.stdout.write(
            f"  {runtime:12} {name:10} {cost.latency_ms:6.1f} ms  "
            f"{costs[0].latency_ms / cost.latency_ms:4.2f} x as fast  {cost.bytes / 1e6:5.2f} MB  "
            f"{costs[0].bytes / cost.bytes:4.2f} x as small\n"
        )
    sys.stdout.flush()


def _tell_errors(name: str, folder: Path, clips: Clips) -> None:
    exported = ExportedDetector.open(folder)
    exported.check_golden()
    windows = clips.beginnings(exported.manifest.window.samples)
    scores = np.array([exported.score(windows.waveform(i)).cm_score for i in range(len(windows))])
    rate = eer(scores[windows.bonafide], scores[~windows.bonafide])
    sys.stdout.write(f"  {name:10} EER {100 * rate:5.2f} %\n")
    lost = exported.manifest.compression
    if lost:
        sys.stdout.write(
            f"             cm_scores moved by {lost.mean_shift:.4f} on average, by "
            f"{lost.max_shift:.4f} at most; {len(lost.changed)} layers; golden vectors within "
            f"{lost.tolerance:.2g}\n"
        )
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
