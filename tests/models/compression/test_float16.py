from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from models.compression.float16 import halve_weights
from models.compression.reference import answers
from models.errors import InputError
from tests.tolerances import rounding


def graph(path: Path, largest: float = 1.0) -> Path:
    """waveforms (batch, 8000) times a matrix is the embedding, its first two numbers the logits."""
    random = np.random.default_rng(3)
    matrix = random.uniform(-1, 1, (8_000, 20)).astype(np.float32) / 100
    matrix[0, 0] = largest
    numbers = {"matrix": matrix, "bias": random.standard_normal(20).astype(np.float32)}
    ends = {"start": np.array([0]), "stop": np.array([2]), "axis": np.array([1])}
    weights = [onnx.numpy_helper.from_array(v, k) for k, v in {**numbers, **ends}.items()]
    nodes = [
        onnx.helper.make_node("MatMul", ["waveforms", "matrix"], ["product"]),
        onnx.helper.make_node("Add", ["product", "bias"], ["embedding"]),
        onnx.helper.make_node("Slice", ["embedding", "start", "stop", "axis"], ["logits"]),
    ]
    value = onnx.helper.make_tensor_value_info
    inner = onnx.helper.make_graph(
        nodes,
        "small",
        [value("waveforms", 1, ["batch", 8_000])],
        [value("logits", 1, ["batch", 2]), value("embedding", 1, ["batch", 20])],
        weights,
    )
    opset = onnx.helper.make_opsetid("", 20)
    onnx.save(onnx.helper.make_model(inner, opset_imports=[opset], ir_version=10), path)
    return path


def test_large_weights_are_halved_and_the_answers_stay_near(tmp_path: Path) -> None:
    whole, half = graph(tmp_path / "whole.onnx"), tmp_path / "half.onnx"
    assert halve_weights(whole, half) == ("matrix",)
    assert half.stat().st_size < 0.51 * whole.stat().st_size
    products = 0.1 * 0.01  # of a sample and a weight
    windows = 0.1 * np.random.default_rng(1).standard_normal((3, 8_000)).astype(np.float32)
    for output, expected in zip(answers(half, windows), answers(whole, windows), strict=True):
        assert output.dtype == np.float32
        rounded = rounding(8_000, products, np.float16)
        np.testing.assert_allclose(output, expected, rtol=0, atol=rounded)
        assert not np.array_equal(output, expected)


def test_a_weight_beyond_float16_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="weights within ±65504 expected, matrix is beyond"):
        halve_weights(graph(tmp_path / "whole.onnx", largest=1e5), tmp_path / "half.onnx")
