"""What a detector costs to serve."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from flows.gate.measure_costs import peak_memory
from models.evaluation.costs import Cost

MIB = 2**20


def write_graph(folder: Path, floats: int) -> Path:
    """A detector folder whose graph holds so many numbers, all of which it needs."""
    from models.files.manifest import GRAPH, Manifest, write_manifest
    from models.params.window import WindowParams

    rng = np.random.default_rng(1)
    weights = rng.standard_normal((800, floats // 800)).astype(np.float32)
    nodes = [
        helper.make_node("Reshape", ["waveforms", "rows"], ["framed"]),
        helper.make_node("MatMul", ["framed", "weights"], ["mixed"]),
        helper.make_node("ReduceMean", ["mixed", "axes"], ["mean"], keepdims=0),
        helper.make_node("Slice", ["mean", "zero", "two", "one"], ["logits"]),
        helper.make_node("Identity", ["mean"], ["embedding"]),
    ]
    constants = {
        "weights": weights,
        "rows": np.array([-1, 10, 800]),
        **{name: np.array([n]) for name, n in (("axes", 1), ("zero", 0), ("two", 2), ("one", 1))},
    }
    graph = helper.make_graph(
        nodes,
        "sized",
        [helper.make_tensor_value_info("waveforms", TensorProto.FLOAT, ["batch", "samples"])],
        [
            helper.make_tensor_value_info(n, TensorProto.FLOAT, None)
            for n in ("logits", "embedding")
        ],
        [onnx.numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    folder.mkdir()
    opset = helper.make_opsetid("", 20)
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=10), folder / GRAPH)
    write_manifest(folder, Manifest("aasist", window=WindowParams(8_000, 8_000)))
    return folder


def test_a_larger_graph_takes_as_much_more_memory_as_it_is_larger(tmp_path: Path) -> None:
    small, large = write_graph(tmp_path / "s", 8_000), write_graph(tmp_path / "l", 16 * MIB)
    first, second, again = peak_memory([small, large, small], "onnxruntime")
    if first is None or second is None or again is None:
        pytest.skip("this system does not tell what a process takes")
    assert second - first > 56 * MIB  # 64 MiB of weights
    assert abs(first - again) < 4 * MIB


def test_costs_of_earlier_days_have_no_memory() -> None:
    assert Cost(**json.loads('{"latency_ms": 1.5, "bytes": 10}')).memory_bytes is None
