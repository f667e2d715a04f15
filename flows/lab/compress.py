"""A smaller or faster detector made of another: a folder that scores, registers and serves alike.

int8 and float16 change the graph, and leave the weights beside it as they were trained: whoever
learns on, attacks or explains uses those. pruned and distilled are detectors of their own.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from flows.candidate.detector_folders import open_exported
from flows.candidate.devices import device_here
from flows.candidate.evaluate import REPORT, calibrate
from flows.candidate.packing import pack_partitions
from models.audio.windows import cut_windows
from models.compression.float16 import halve_weights
from models.compression.int8 import Quantiser, choose_layers
from models.compression.reference import write_golden
from models.data.lessons import read_lessons, write_lessons
from models.errors import InputError
from models.files.manifest import (
    CALIBRATION,
    GOLDEN,
    GRAPH,
    MANIFEST,
    POLICIES,
    REFERENCE,
    Compression,
    read_manifest,
    write_manifest,
)  # fmt: skip
from models.files.whole_folders import written_whole
from models.packaging.runtime import DEFAULT_RUNTIME, RUNTIMES, cm_scores, golden_tolerance
from models.params.learning import TransferParams
from models.params.tree import Params
from models.training.continual.coverage import cover
from models.trials import Partition

if TYPE_CHECKING:
    from models.data.clips import Clips
    from models.detectors.detector import Detector

Floats = NDArray[np.float32]

_MARGIN = 3.0  # times the widest gap between runtimes here: what another processor may add


@dataclass(frozen=True)
class Material:
    """A detector folder with a graph, and the clips that it may learn from and be heard on."""

    folder: Path
    train: Clips
    dev: Clips
    params: Params

    def windows(self, clips: Clips, count: int) -> Floats:
        """The first windows (n, samples) of clips that cover classes, attacks and speakers.

        All have the full length, whatever the detector does with short clips.
        """
        window = replace(read_manifest(self.folder).window, short="tile")
        chosen = clips.take(cover(clips, count, self.params.training.seed))
        beginnings = chosen.beginnings(window.samples)
        return np.concatenate(
            [cut_windows(beginnings.waveform(i), window) for i in range(len(beginnings))]
        )


def compress(
    folder: Path, kind: str, out: Path, protocol: str, root: Path, params: Params
) -> Compression | None:
    """Write the compressed form of a detector folder, calibrated on dev, into `out`.

    Gives what the graph lost, where it is the graph that was changed. Raises InputError where the
    folder or the corpus cannot be used, or the detector cannot be made smaller this way.
    """
    compression = open_exported(folder).manifest.compression
    if compression is not None and kind in ("int8", "float16"):
        raise InputError(f"{folder}: a graph as it was exported expected, found {compression.kind}")
    with TemporaryDirectory() as scratch:
        train, dev = pack_partitions(
            protocol, root, params.data, (Partition.TRAIN, Partition.DEV), Path(scratch)
        )
        material = Material(folder, train, dev, params)
        with written_whole(out, MANIFEST) as new:
            KINDS[kind](material, new)
            calibrate(new, dev, params)
            return read_manifest(new).compression


def to_float16(material: Material, out: Path) -> None:
    """Weights of the graph in 16 bits."""
    with _copied(material, out) as graph:
        changed = halve_weights(material.folder / GRAPH, graph)
    _describe(material, out, "float16", changed)


def to_int8(material: Material, out: Path) -> None:
    """Heavy layers of the graph in 8 bits, as many as keep the scores near those of the float."""
    chosen = material.params.compression
    windows = material.windows(material.dev, chosen.listened_clips)
    expected = _scores(material.folder / GRAPH, windows)
    ranges = material.windows(material.train, chosen.calibration_clips)
    with TemporaryDirectory() as scratch:
        quantiser = Quantiser.learn(material.folder / GRAPH, ranges, Path(scratch))

        def shift(layers: Sequence[str]) -> float:
            quantiser.write(layers, tried)
            gaps = np.abs(_scores(tried, windows) - expected)
            return float(gaps.mean() / expected.std())

        tried = Path(scratch) / "tried.onnx"
        layers = choose_layers(quantiser.layers, shift, chosen.max_score_shift)
        with _copied(material, out) as graph:
            quantiser.write(layers, graph)
    _describe(material, out, "int8", layers)


def to_pruned(material: Material, out: Path) -> None:
    """Fewer channels, then training from what is left, with the whole detector as teacher."""
    from models.compression.pruning import prune  # torch
    from models.packaging.checkpoint import load_detector

    chosen = material.params.compression
    pruned = prune(load_detector(material.folder), chosen.keep)
    training = replace(
        material.params.training,
        learning_rate=chosen.learning_rate,
        epochs=chosen.epochs,
        transfer=TransferParams(),
    )
    _teach(pruned, replace(material.params, training=training), material, out)


def to_distilled(material: Material, out: Path) -> None:
    """A student, the detector of params.yaml, trained from scratch with the folder as teacher."""
    from models.detectors.first_weights import new_detector  # torch
    from models.training.train import seed_everything

    params = material.params
    seed_everything(params.training.seed)
    student = new_detector(params)
    params = params.starting(from_weights=False)
    _teach(student, params, material, out)


KINDS: dict[str, Callable[[Material, Path], None]] = {
    "int8": to_int8,
    "float16": to_float16,
    "pruned": to_pruned,
    "distilled": to_distilled,
}


def _teach(student: Detector, params: Params, material: Material, out: Path) -> None:
    """Train a student on train and write its folder, with all that it and its teacher learnt."""
    import torch

    from models.packaging.checkpoint import save_detector  # torch
    from models.packaging.export import export_detector
    from models.training.continual.anchor import Anchor
    from models.training.distilling import taught
    from models.training.train import Execution, LearningRule, train

    device, window = torch.device(device_here()), read_manifest(material.folder).window
    params = replace(params, window=window)
    anchor = taught(Anchor(), material.folder, device)
    train(
        student,
        material.train,
        material.dev,
        params,
        rule=LearningRule(anchor=anchor),
        run=Execution(device=device, progress=True),
    )
    save_detector(student.cpu(), out, window)
    clips = material.train
    train_lessons = zip(clips.utterance_ids, clips.attack_ids, strict=True)
    write_lessons(out, {*read_lessons(material.folder), *train_lessons})
    export_detector(out)


@contextmanager
def _copied(material: Material, out: Path) -> Iterator[Path]:
    """Where to write the new graph, beside what of the folder stays true with it."""
    changed = {MANIFEST, GRAPH, GOLDEN, CALIBRATION, POLICIES, REFERENCE, REPORT}
    for name in read_manifest(material.folder).files:
        if name not in changed:
            shutil.copy(material.folder / name, out / name)
    yield out / GRAPH


def _describe(material: Material, out: Path, kind: str, changed: tuple[str, ...]) -> None:
    """Golden vectors of the new graph, and a manifest that tells what it lost."""
    from models.packaging.export import golden_windows  # torch

    manifest = read_manifest(material.folder)
    windows = golden_windows(manifest.window.samples)
    golden = cm_scores(write_golden(out / GRAPH, out / GOLDEN, windows))
    gaps = [np.abs(_scores(out / GRAPH, windows, name) - golden).max() for name in RUNTIMES]
    dev_windows = material.windows(material.dev, material.params.compression.listened_clips)
    shifts = np.abs(
        _scores(out / GRAPH, dev_windows) - _scores(material.folder / GRAPH, dev_windows)
    )
    compression = Compression(
        kind=kind,
        tolerance=max(golden_tolerance(golden), _MARGIN * float(max(gaps))),
        mean_shift=float(shifts.mean()),
        max_shift=float(shifts.max()),
        clips=len(dev_windows),
        changed=changed,
    )
    write_manifest(out, replace(manifest, compression=compression))


def _scores(graph: Path, windows: Floats, runtime: str | None = None) -> Floats:
    """cm_scores (n,) of windows (n, samples) on a runtime that serves; by default on ours."""
    infer = RUNTIMES[runtime or DEFAULT_RUNTIME](graph, windows.shape[1], 1)
    return cm_scores(np.concatenate([infer(window[None])[0] for window in windows]))
