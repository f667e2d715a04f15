"""The exported graph of a detector, on a runtime that is not torch."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.audio.windows import aggregate, cut_windows, shortest_window
from models.errors import InputError
from models.evaluation.calibration import Calibration, read_calibration
from models.files.manifest import CALIBRATION, GOLDEN, GRAPH, Manifest, verify

Outputs = tuple[NDArray[np.float32], NDArray[np.float32]]  # logits (n, 2), embeddings (n, d)
Infer = Callable[[NDArray[np.float32]], Outputs]  # of windows (1, samples), from any thread
# of a graph for windows of one length (None: of any), by so many threads
OpenGraph = Callable[[Path, int | None, int], Infer]

TOLERANCE = 1e-4  # of a cm_score against torch, relative to the larger of 1 and the golden scores
# Opens in a quarter of OpenVINO's time. Which of the two is faster depends on the processor, so
# the endpoint measures (models.packaging.fastest); `python -m benchmarks.runtime` compares them.
DEFAULT_RUNTIME = "onnxruntime"


@dataclass(frozen=True)
class WaveformScore:
    """The aggregated score of one waveform."""

    cm_score: float  # higher is more bona fide
    embedding: NDArray[np.float32]  # (d,), the mean of the windows'
    windows: int


class ExportedDetector:
    """A detector folder opened for scoring. Every method may be called from several threads."""

    def __init__(self, folder: Path, manifest: Manifest, infer: Infer, threads: int) -> None:
        self.folder = folder
        self.manifest = manifest
        self.calibration: Calibration | None = None
        if CALIBRATION in manifest.files:
            self.calibration = read_calibration(folder)
        self._infer = infer
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="detector")
        self._threads = threads

    @classmethod
    def open(
        cls,
        folder: Path,
        threads: int = 1,
        runtime: str = DEFAULT_RUNTIME,
        runtimes: Mapping[str, OpenGraph] | None = None,
    ) -> ExportedDetector:
        """Open a detector folder; `threads` windows run at the same time, each on one core.

        Raises InputError for an unknown runtime, and where a file is missing, is not the one that
        the manifest names, or is no graph.
        """
        known = RUNTIMES if runtimes is None else runtimes
        if runtime not in known:
            raise InputError(f"no runtime named '{runtime}'; known: {', '.join(known)}")
        manifest = verify(folder)
        if GRAPH not in manifest.files:
            raise InputError(f"{folder}: {GRAPH} is missing, the detector is not exported")
        samples = manifest.window.samples if manifest.window.short == "tile" else None
        infer = known[runtime](folder / GRAPH, samples, threads)
        return cls(folder, manifest, infer, threads)

    def run(self, windows: NDArray[np.float32]) -> Outputs:
        """Logits (n, 2) and embeddings (n, d) of windows (n, window.samples), or shorter ones.

        Shorter windows are those that `cut_windows` gives where `window.short` is `own`.

        One window at a time: on a CPU a batch is no faster, and it takes memory by the gigabyte.
        """
        window = self.manifest.window
        shortest, longest = shortest_window(window), window.samples
        if windows.ndim != 2 or not shortest <= windows.shape[1] <= longest or len(windows) == 0:
            samples = longest if shortest == longest else f"{shortest} to {longest}"
            raise InputError(f"windows of shape (n, {samples}) expected, found {windows.shape}")
        ones = np.split(np.ascontiguousarray(windows, dtype=np.float32), len(windows))
        run_all = map if self._threads == 1 or len(ones) == 1 else self._pool.map
        outputs = list(run_all(self._infer, ones))
        logits, embeddings = zip(*outputs, strict=True)
        return np.concatenate(logits), np.concatenate(embeddings)

    def score(self, waveform: NDArray[np.float32]) -> WaveformScore:
        """The score of a waveform (samples,), cut into windows as the manifest says."""
        window = self.manifest.window
        logits, embeddings = self.run(cut_windows(waveform, window))
        score = aggregate(cm_scores(logits), window)
        if not np.isfinite(score):
            raise InputError(f"{self.folder}: a finite cm_score expected, found {score}")
        return WaveformScore(score, embeddings.mean(axis=0), len(logits))

    def check_golden(self) -> None:
        """Raise InputError where this runtime does not give the golden scores.

        They are torch's, or of a compressed graph its own, for which the manifest has a tolerance.
        """
        golden = _read_golden(self.folder / GOLDEN, self.manifest)
        expected = cm_scores(golden["logits"])
        logits, embeddings = self.run(golden["waveforms"])
        compression = self.manifest.compression
        tolerance = compression.tolerance if compression else golden_tolerance(expected)
        gap = float(np.abs(cm_scores(logits) - expected).max())
        if not gap <= tolerance:  # not `gap >`: a gap may be NaN
            source = "the compressed graph" if compression else "torch"
            raise InputError(
                f"{self.folder}: cm_scores of {GRAPH} within {tolerance:.1e} of those of "
                f"{source} in {GOLDEN} expected, found {gap:.1e} away"
            )
        if embeddings.shape != golden["embeddings"].shape:
            raise InputError(
                f"{self.folder}: embeddings of shape {golden['embeddings'].shape} expected, "
                f"found {embeddings.shape}"
            )


def cm_scores(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """cm_scores (n,) of logits (n, 2) in the order (spoof, bonafide)."""
    return logits[:, 1] - logits[:, 0]


def golden_tolerance(expected: NDArray[np.float32]) -> float:
    """How far cm_scores may be from golden ones (n,) where the arithmetic is that of floats."""
    return TOLERANCE * max(1.0, float(np.abs(expected).max()))


def _read_golden(path: Path, manifest: Manifest) -> dict[str, NDArray[np.float32]]:
    if path.name not in manifest.files:
        raise InputError(f"{path.parent}: {path.name} is missing, the graph cannot be checked")
    try:
        with np.load(path, allow_pickle=False) as content:
            return {name: content[name] for name in ("waveforms", "logits", "embeddings")}
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise InputError(f"{path}: waveforms, logits and embeddings expected ({error})") from error


def _openvino(graph: Path, samples: int | None, threads: int) -> Infer:
    # the import alone reports usage, and no variable stops it; without its reporter it uses a stub
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    core = openvino.Core()
    settings = {
        # the default is bfloat16 where the CPU has it, which moves embeddings by 0.1
        "INFERENCE_PRECISION_HINT": "f32",
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": threads,
    }
    try:
        model = core.read_model(graph)
        # of one known shape: faster than any shape
        model.reshape({"waveforms": [1, -1 if samples is None else samples]})
        compiled = core.compile_model(model, "CPU", settings)
    except RuntimeError as error:
        raise InputError(f"{graph}: not a graph that OpenVINO can run") from error
    requests = threading.local()  # one request serves one caller at a time

    def infer(windows: NDArray[np.float32]) -> Outputs:
        if not hasattr(requests, "own"):
            requests.own = compiled.create_infer_request()
        outputs = requests.own.infer({"waveforms": windows})
        return outputs["logits"].copy(), outputs["embedding"].copy()

    return infer


def _onnxruntime(graph: Path, samples: int | None, threads: int) -> Infer:  # noqa: ARG001  callers' threads run it
    import onnxruntime
    from onnxruntime.capi import onnxruntime_pybind11_state as faults

    unusable = (
        faults.InvalidProtobuf, faults.InvalidGraph, faults.InvalidArgument, faults.Fail,
        faults.NotImplemented,
    )  # fmt: skip
    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors only
    options.add_free_dimension_override_by_name("batch", 1)
    if samples is not None:
        options.add_free_dimension_override_by_name("samples", samples)
    try:
        session = onnxruntime.InferenceSession(graph, options, ["CPUExecutionProvider"])
    except unusable as error:
        raise InputError(f"{graph}: not a graph that ONNX Runtime can run") from error

    def infer(windows: NDArray[np.float32]) -> Outputs:
        outputs: Any = session.run(["logits", "embedding"], {"waveforms": windows})
        return outputs[0], outputs[1]

    return infer


# by name; the caller chooses, nothing falls back
RUNTIMES: dict[str, OpenGraph] = {
    "openvino": _openvino,
    "onnxruntime": _onnxruntime,
}
