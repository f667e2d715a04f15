"""Outputs of a graph, operator by operator as ONNX defines them: no kernel is fused or exchanged.

An int8 graph has as many answers as there are runtimes and processors, which fuse and round in
their own ways. This is the one that all of them are held against.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import InputError


def answers(
    graph: Path, windows: NDArray[np.float32], names: Sequence[str] = ("logits", "embedding")
) -> list[NDArray[np.float32]]:
    """The outputs of a graph, each (n, …), for windows (n, samples), one window at a time."""
    session = open_plainly(graph)
    outputs = [session.run(list(names), {"waveforms": window[None]}) for window in windows]
    return [np.concatenate(parts) for parts in zip(*outputs, strict=True)]


def write_golden(graph: Path, path: Path, windows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Store windows (n, samples) with the graph's own logits and embeddings; the logits (n, 2)."""
    logits, embeddings = answers(graph, windows)
    np.savez(path, waveforms=windows, logits=logits, embeddings=embeddings)
    return logits


def open_plainly(graph: Path | bytes) -> Any:
    """A session of a graph as a file or as bytes; InputError where no runtime is installed."""
    try:
        import onnxruntime
    except ModuleNotFoundError as error:
        raise InputError("compression: the package onnxruntime expected, not installed") from error
    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors only
    return onnxruntime.InferenceSession(graph, options, ["CPUExecutionProvider"])
