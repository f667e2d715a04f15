"""The detector as an ONNX graph, and the golden vectors every runtime must reproduce."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.detectors.detector import MIN_SAMPLES, SAMPLE_RATE, Detector
from models.files.manifest import GOLDEN, GRAPH, MANIFEST, Manifest, read_manifest, write_manifest
from models.files.whole_folders import written_whole
from models.packaging.checkpoint import load_detector

OPSET = 20
# Of the example that is traced, whatever the windows are: long enough that no size inside is 1 by
# chance, which the tracer would take for a constant.
_TRACED = (3, 70_001)
GOLDEN_WINDOWS = 3
_LARGEST_CONSTANT = 2**26  # numbers: 256 MiB
_OUTPUTS = ("logits", "embedding")
_CHATTY = (
    "torch.onnx._internal.exporter._registration",  # torchvision, which no detector uses, is absent
    "onnx_ir.passes.common.initializer_deduplication",  # a line for every constant it shares
)
_SEED = 2026


def export_detector(folder: Path) -> Manifest:
    """Add the graph and the golden vectors to a detector folder, and renew its manifest.

    The graph maps `waveforms` (batch, samples), both of any size from (1, 8,000), to `logits`
    (batch, 2) and `embedding` (batch, d). The folder changes whole or not at all.
    """
    detector = load_detector(folder)
    manifest = read_manifest(folder)
    with written_whole(folder, MANIFEST, keep=True) as new:
        write_graph(detector, new / GRAPH)
        write_golden(detector, new / GOLDEN, manifest.window.samples)
        return write_manifest(new, replace(manifest, compression=None))


def write_graph(detector: Detector, path: Path) -> None:
    """Write a detector in eval mode as one ONNX file, for any batch and length."""
    with warnings.catch_warnings(), _quiet(*_CHATTY):
        # torch 2.11 warns about its own tree specs while it decomposes a graph
        warnings.filterwarnings("ignore", message=r".*LeafSpec", category=FutureWarning)
        program = torch.onnx.export(
            _Graph(detector).eval(),
            (torch.zeros(_TRACED),),
            input_names=["waveforms"],
            output_names=list(_OUTPUTS),
            dynamic_shapes={"waveforms": _any_size()},
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    if program is None:  # a promise of the signature, not of dynamo=True
        raise RuntimeError("torch.onnx.export gave no program")
    _settle_constants(program)
    for node in program.model.graph.all_nodes():
        node.metadata_props.clear()  # traces of source lines: no two machines have the same
        for value in node.outputs:
            if value.name in _OUTPUTS and not value.is_graph_output():
                value.name = (
                    f"{value.name}_within"  # an operator of that name, as torch's embedding
                )
    program.save(path, external_data=False)


def _settle_constants(program: torch.onnx.ONNXProgram) -> None:
    """Compute what depends on weights alone, whatever its size.

    torch leaves anything larger than 8,192 numbers to the runtime, and OpenVINO refuses a recurrent
    layer whose weights are still to be put in order.
    """
    from onnxscript import optimizer

    optimizer.fold_constants(
        program.model, input_size_limit=_LARGEST_CONSTANT, output_size_limit=_LARGEST_CONSTANT
    )
    optimizer.remove_unused_nodes(program.model)


def write_golden(detector: Detector, path: Path, samples: int) -> None:
    """Store windows (n, samples) with the logits (n, 2) and embeddings (n, d) of torch."""
    waveforms = golden_windows(samples)
    with torch.inference_mode():
        embedding, logits = detector.forward_both(torch.from_numpy(waveforms))
    np.savez(path, waveforms=waveforms, logits=logits.numpy(), embeddings=embedding.numpy())


def golden_windows(samples: int) -> NDArray[np.float32]:
    """Speech-like windows (n, samples): voiced syllables of a gliding pitch, breath and noise.

    Noise everywhere keeps scores of graph nodes apart: exact ties would be broken differently.
    """
    random = np.random.default_rng(_SEED)
    time = np.arange(samples) / SAMPLE_RATE
    return np.stack([_utterance(random, time) for _ in range(GOLDEN_WINDOWS)]).astype(np.float32)


def _utterance(random: np.random.Generator, time: NDArray[np.float64]) -> NDArray[np.float64]:
    pitch = random.uniform(90, 220) * (1 + 0.15 * np.sin(2 * np.pi * 0.6 * time))  # Hz
    phase = 2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE
    formants = random.uniform([300, 900, 2200], [800, 2000, 3200])  # Hz
    voice = np.zeros_like(time)
    for harmonic in range(1, 30):
        distance = (harmonic * pitch[:, None] - formants) / 150.0
        voice += np.sin(harmonic * phase) * (1 / (1 + distance**2)).sum(axis=1)
    syllables = np.clip(np.sin(2 * np.pi * random.uniform(2.5, 4.5) * time), 0, None)
    noise = random.standard_normal(time.size)
    out: NDArray[np.float64] = 0.08 * voice * syllables + 0.01 * noise
    return out


def _any_size() -> dict[int, torch.export.Dim]:
    return {0: torch.export.Dim("batch", min=1), 1: torch.export.Dim("samples", min=MIN_SAMPLES)}


@contextmanager
def _quiet(*names: str) -> Iterator[None]:
    """Disable loggers for a while."""
    logs = [logging.getLogger(name) for name in names]
    before = [log.disabled for log in logs]
    for log in logs:
        log.disabled = True
    try:
        yield
    finally:
        for log, disabled in zip(logs, before, strict=True):
            log.disabled = disabled


class _Graph(nn.Module):
    """A detector with its outputs in the order of the graph."""

    def __init__(self, detector: Detector) -> None:
        super().__init__()
        self.detector = detector

    def forward(self, waveforms: Tensor) -> tuple[Tensor, Tensor]:
        embedding, logits = self.detector.analyse(waveforms)
        return logits, embedding
