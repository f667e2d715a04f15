"""The last layer of a detector: the one linear map from its embedding to its logits.

It is found in the exported graph by what it does, and can be exchanged there and among the weights
without torch: everything before it stays byte for byte.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from models.errors import InputError
from models.files.manifest import (
    GOLDEN,
    GRAPH,
    MANIFEST,
    OF_SCORES,
    WEIGHTS,
    Manifest,
    verify,
    write_manifest,
)
from models.files.whole_folders import written_whole

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto

SPOOF, BONAFIDE = 0, 1  # the order of the logits
_WITHIN = "detector."  # what a weight's name begins with in the graph


@dataclass(frozen=True)
class LastLayer:
    """Logits (n, 2) of embeddings (n, d): embeddings @ weight.T + bias."""

    weight: NDArray[np.float32]  # (2, d)
    bias: NDArray[np.float32]  # (2,)

    def __post_init__(self) -> None:
        """Raise InputError where the shapes are not those of such a layer."""
        if self.weight.ndim != 2 or len(self.weight) != 2 or self.bias.shape != (2,):
            raise InputError(
                "a last layer of weight (2, d) and bias (2,) expected, found "
                f"{self.weight.shape} and {self.bias.shape}"
            )

    @property
    def direction(self) -> NDArray[np.float64]:
        """What a cm_score is per unit of each embedding dimension, (d,)."""
        weight = self.weight.astype(np.float64)
        direction: NDArray[np.float64] = weight[BONAFIDE] - weight[SPOOF]
        return direction

    @property
    def offset(self) -> float:
        """The cm_score of an embedding of zeros."""
        return float(self.bias[BONAFIDE]) - float(self.bias[SPOOF])

    def cm_scores(self, embeddings: NDArray[np.floating]) -> NDArray[np.float64]:
        """cm_scores (n,) of embeddings (n, d): higher is more bona fide."""
        scores: NDArray[np.float64] = embeddings.astype(np.float64) @ self.direction + self.offset
        return scores

    def logits(self, embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
        """Logits (n, 2) of embeddings (n, d), summed in float64."""
        weight, bias = self.weight.astype(np.float64), self.bias.astype(np.float64)
        logits: NDArray[np.float32] = (embeddings @ weight.T + bias).astype(np.float32)
        return logits

    def moved(self, direction: NDArray[np.float64], offset: float) -> LastLayer:
        """The layer whose cm_scores are larger by embeddings @ direction + offset.

        Half of it goes to the bona fide logit, half is taken from the spoof logit.
        """
        change = np.stack([-direction, direction]) / 2
        return LastLayer(
            (self.weight.astype(np.float64) + change).astype(np.float32),
            (self.bias.astype(np.float64) + np.array([-offset, offset]) / 2).astype(np.float32),
        )


@dataclass(frozen=True)
class Backbone:
    """The graph of a detector folder, taken apart before its last layer."""

    sha256: str  # of the graph without the numbers of the layer
    layer: LastLayer


def read_backbone(folder: Path) -> Backbone | None:
    """The last layer of an exported folder; None where no such layer makes the logits alone.

    A compressed graph counts as one without. Raises InputError where the folder is damaged or holds
    no graph.
    """
    manifest = _exported(folder)
    if manifest.compression is not None:
        return None
    model = _load(folder / GRAPH)
    place = _find(model.graph)
    if place is None:
        return None
    layer = LastLayer(place.numbers(place.weight), place.numbers(place.bias))
    place.put(None)
    rest = hashlib.sha256(model.SerializeToString(deterministic=True)).hexdigest()
    return Backbone(rest, layer)


def exchange_last_layer(folder: Path, layer: LastLayer, new: Path) -> Manifest:
    """A copy of an exported folder with another last layer in weights, graph and golden vectors.

    Calibration and reference are left behind: they speak of scores of the old layer. `new` appears
    whole or not at all. Raises InputError where the folder has no such layer.
    """
    manifest = _exported(folder)
    model = _load(folder / GRAPH)
    site = None if manifest.compression else _find(model.graph)
    if site is None:
        raise InputError(f"{folder}: {lacks_last_layer(manifest)}")
    expected = site.numbers(site.weight).shape
    if layer.weight.shape != expected:
        raise InputError(
            f"{folder}: a last layer of weight {expected} expected, found {layer.weight.shape}"
        )
    site.put(layer)
    kept = [name for name in manifest.files if name not in (WEIGHTS, GRAPH, GOLDEN, *OF_SCORES)]
    with written_whole(new, MANIFEST) as place:
        for name in kept:
            (place / name).write_bytes((folder / name).read_bytes())
        (place / GRAPH).write_bytes(model.SerializeToString())
        changed = {site.weight: layer.weight, site.bias: layer.bias}
        _write_weights(folder / WEIGHTS, place / WEIGHTS, changed)
        _write_golden(folder / GOLDEN, place / GOLDEN, layer)
        return write_manifest(place, replace(manifest, files={}))


def lacks_last_layer(manifest: Manifest) -> str:
    """Why the last layer of a detector cannot be exchanged, as the end of a sentence."""
    if manifest.compression is not None:
        return f"its graph is compressed ({manifest.compression.kind}), so no layer is exchanged"
    return f"{manifest.detector} has no linear layer that alone makes its logits of its embedding"


def _exported(folder: Path) -> Manifest:
    manifest = verify(folder)
    if GRAPH not in manifest.files or GOLDEN not in manifest.files:
        raise InputError(f"{folder}: {GRAPH} is missing, the detector is not exported")
    return manifest


def _load(path: Path) -> ModelProto:
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    try:
        return onnx.load(path)
    except DecodeError as error:
        raise InputError(f"{path}: not an ONNX graph ({error})") from error


@dataclass(frozen=True)
class _Place:
    """Where the layer is in a graph."""

    graph: GraphProto
    node: NodeProto
    weight: str
    bias: str  # of this name once there is one: the exporter leaves out a bias of zeros

    def numbers(self, name: str) -> NDArray[np.float32]:
        """The weight (2, d) or the bias (2,)."""
        tensors = [tensor for tensor in self.graph.initializer if tensor.name == name]
        if not tensors:
            return np.zeros(2, np.float32)
        shape = tuple(tensors[0].dims)
        return np.frombuffer(tensors[0].raw_data, dtype="<f4").reshape(shape).copy()

    def put(self, layer: LastLayer | None) -> None:
        """Exchange the numbers in the graph; None takes the layer out of it."""
        from onnx import numpy_helper

        others = [t for t in self.graph.initializer if t.name not in (self.weight, self.bias)]
        del self.graph.initializer[:]
        self.graph.initializer.extend(others)
        del self.node.input[1:]
        if layer is not None:
            self.node.input.extend([self.weight, self.bias])
            for name, values in ((self.weight, layer.weight), (self.bias, layer.bias)):
                tensor = numpy_helper.from_array(np.ascontiguousarray(values, "<f4"), name)
                self.graph.initializer.append(tensor)


def _find(graph: GraphProto) -> _Place | None:
    """The linear layer that makes `logits` of `embedding`, if that is all there is."""
    last = next((node for node in graph.node if "logits" in node.output), None)
    if last is None or last.op_type != "Gemm" or not _plain(last):
        return None
    source, *names = last.input
    weight = names[0]
    if source != "embedding" or not weight.endswith(".weight"):
        return None
    bias = f"{weight.removesuffix('.weight')}.bias"
    known = {tensor.name: tensor for tensor in graph.initializer}
    alone = all(sum(name in node.input for node in graph.node) == 1 for name in names)
    usable = all(name in known and known[name].data_type == 1 for name in names)
    raw = usable and all(known[name].raw_data for name in names)
    return (
        _Place(graph, last, weight, bias) if alone and raw and names[1:] in ([], [bias]) else None
    )


def _plain(node: NodeProto) -> bool:
    """Whether a Gemm is a linear layer as torch has it: x @ weight.T + bias."""
    expected = {"alpha": 1.0, "beta": 1.0, "transA": 0, "transB": 1}
    settings = {a.name: a.f if a.name in ("alpha", "beta") else a.i for a in node.attribute}
    return {"alpha": 1.0, "beta": 1.0, "transA": 0, "transB": 0, **settings} == expected


def _write_weights(source: Path, target: Path, changed: dict[str, NDArray[np.float32]]) -> None:
    """The state dict with other numbers in the layer."""
    from safetensors.numpy import load, save

    weights = load(source.read_bytes())
    for name, values in changed.items():
        place = name.removeprefix(_WITHIN)
        if place not in weights or weights[place].shape != values.shape:
            raise InputError(f"{source}: {place} of shape {values.shape} expected, it is not there")
        weights[place] = np.ascontiguousarray(values, dtype=weights[place].dtype)
    target.write_bytes(save(weights))


def _write_golden(source: Path, target: Path, layer: LastLayer) -> None:
    """The golden windows and their embeddings, with the logits of the new layer."""
    with np.load(source, allow_pickle=False) as golden:
        embeddings = golden["embeddings"]
        np.savez(
            target,
            waveforms=golden["waveforms"],
            logits=layer.logits(embeddings),
            embeddings=embeddings,
        )
