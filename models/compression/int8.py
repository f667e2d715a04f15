"""A graph with 8-bit integers in its heavy layers: static quantisation, as in arXiv 2004.09602.

Activations have a scale each, learnt from real speech; weights have one for each output channel.
Weights keep to 7 bits, because processors without VNNI add two products of 8 bits in 16 and would
saturate. Layers are then left in float until the scores are near enough those of the float graph:
which ones is measured, since a layer that hears the waveform itself may hurt more than all others.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.compression.reference import open_plainly
from models.errors import InputError

HEAVY = 0.002  # share of all multiply-adds from which a layer is worth the conversions around it
MOST_GROUPS = 24  # that are listened to by themselves; of more layers, neighbours go together
_KINDS = ("Conv", "MatMul", "Gemm")

Shift = Callable[[Sequence[str]], float]  # layers in int8 -> how far scores move


@dataclass(frozen=True)
class Quantiser:
    """Makes int8 graphs of one float graph; `place` is a folder for intermediate files."""

    place: Path
    layers: tuple[str, ...]  # the heavy ones, in the order of the graph

    @classmethod
    def learn(cls, graph: Path, windows: NDArray[np.float32], place: Path) -> Quantiser:
        """Learn the range of every heavy layer's activations from windows (n, samples)."""
        import onnx

        model = onnx.load(graph)
        # what the quantiser asks for: this graph was folded when it was exported
        onnx.helper.set_model_props(model, {"onnx.quant.pre_process": "onnxruntime.quant"})
        onnx.save(model, place / "float.onnx")
        work = multiply_adds(graph, windows[0])
        whole = sum(work.values())
        heavy = tuple(name for name, count in work.items() if count > HEAVY * whole)
        if not heavy:
            raise InputError(f"{graph}: layers with weights of their own expected, found none")
        quantiser = cls(place, heavy)
        quantiser._quantise(heavy, place / "all.onnx", windows)
        return quantiser

    def write(self, layers: Sequence[str], out: Path) -> None:
        """Write the graph with these layers in int8."""
        self._quantise(layers, out, None)

    def _quantise(
        self, layers: Sequence[str], out: Path, windows: NDArray[np.float32] | None
    ) -> None:
        from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

        quantize_static(
            self.place / "float.onnx",
            out,
            None if windows is None else _Reader(windows),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=list(_KINDS),
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            nodes_to_quantize=list(layers),
            calibration_cache_path=self.place / "ranges.json",
        )


def choose_layers(layers: Sequence[str], shift: Shift, most: float) -> tuple[str, ...]:
    """As many layers as may be int8 where scores shall move by `most` at most.

    Each layer (or group of neighbours) is listened to alone, and those that harm least are taken
    first. What a layer would save does not count: one in float between two in int8 costs more
    conversions than it has arithmetic. Raises InputError where no layer can be taken.
    """
    if shift(layers) <= most:
        return tuple(layers)
    harm = {group: shift(group) for group in _neighbours(layers)}
    order = sorted(harm, key=lambda group: harm[group])
    few, many = 0, len(order)  # so many are within the bound, and so many are not
    while many - few > 1:
        count = (few + many) // 2
        within = shift([name for group in order[:count] for name in group]) <= most
        few, many = (count, many) if within else (few, count)
    if few == 0:
        raise InputError(
            f"compression.max_score_shift: no layer in int8 moves scores by {most:g} or less, a "
            "larger bound expected"
        )
    chosen = {name for group in order[:few] for name in group}
    return tuple(name for name in layers if name in chosen)


def multiply_adds(graph: Path, window: NDArray[np.float32]) -> dict[str, int]:
    """Multiply-adds of every layer with weights of its own, for one window (samples,)."""
    import onnx

    model = onnx.load(graph)
    weights = {initializer.name: list(initializer.dims) for initializer in model.graph.initializer}
    layers = [
        node for node in model.graph.node if node.op_type in _KINDS and node.input[1] in weights
    ]
    outputs = [node.output[0] for node in layers]
    known_outputs = {put.name for put in model.graph.output}
    model.graph.output.extend(
        onnx.helper.make_empty_tensor_value_info(name)
        for name in outputs
        if name not in known_outputs
    )
    session = open_plainly(model.SerializeToString())
    results = session.run(outputs, {"waveforms": window[None]})
    return {
        node.name: output.size * math.prod(weights[node.input[1]]) // _results(node, output)
        for node, output in zip(layers, results, strict=True)
    }


def _results(node: Any, output: NDArray[np.float32]) -> int:
    """Numbers of a layer's output that use different weights: channels, or features."""
    return int(output.shape[1 if node.op_type == "Conv" else -1])


def _neighbours(names: Sequence[str]) -> list[tuple[str, ...]]:
    size = -(-len(names) // MOST_GROUPS)
    return [tuple(names[start : start + size]) for start in range(0, len(names), size)]


class _Reader:
    """Windows one by one, as the calibration of ONNX Runtime asks for them."""

    def __init__(self, windows: NDArray[np.float32]) -> None:
        self._windows: Iterator[NDArray[np.float32]] = iter(windows)

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        window = next(self._windows, None)
        return None if window is None else {"waveforms": window[None]}
