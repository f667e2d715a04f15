"""Which layers become int8, and what their graph answers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from models.compression.int8 import MOST_GROUPS, Quantiser, choose_layers, multiply_adds
from models.compression.reference import answers
from models.errors import InputError

HARM = {"filters": 1.3, "first": 0.2, "second": 0.05, "third": 0.02, "last": 0.1}


def added(layers: Sequence[str]) -> float:
    return sum(HARM[name] for name in layers)


def test_all_layers_are_taken_where_none_hurts() -> None:
    assert choose_layers(list(HARM), added, 2.0) == tuple(HARM)


@pytest.mark.parametrize(
    ("most", "expected"),
    [
        (1.0, ("first", "second", "third", "last")),
        (0.3, ("second", "third", "last")),
        (0.08, ("second", "third")),
        (0.02, ("third",)),
    ],
)
def test_layers_that_hurt_stay_in_float_the_worst_first(
    most: float, expected: tuple[str, ...]
) -> None:
    assert choose_layers(list(HARM), added, most) == expected


def test_a_bound_that_no_layer_keeps_is_named() -> None:
    with pytest.raises(InputError, match=r"compression\.max_score_shift: no layer in int8 moves"):
        choose_layers(list(HARM), added, 0.01)


def test_many_layers_are_listened_to_in_groups() -> None:
    trials: list[Sequence[str]] = []

    def shift(layers: Sequence[str]) -> float:
        trials.append(layers)
        return 0.01 * len(layers)

    layers = [f"layer {number}" for number in range(100)]
    chosen = choose_layers(layers, shift, 0.5)
    assert len(chosen) == 50
    assert len(trials) <= 1 + MOST_GROUPS + 6


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two convolutions and a projection: waveforms (batch, samples) -> logits, embedding."""
    random = np.random.default_rng(3)

    def weight(name: str, *shape: int) -> onnx.TensorProto:
        values = random.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))
        return onnx.numpy_helper.from_array(values.astype(np.float32), name)

    node = onnx.helper.make_node
    axis = onnx.numpy_helper.from_array(np.array([1]), "axis")
    last = onnx.numpy_helper.from_array(np.array([2]), "last")
    nodes = [
        node("Unsqueeze", ["waveforms", "axis"], ["one"], name="lift"),
        node("Conv", ["one", "w1"], ["bands"], name="first", strides=[4]),
        node("Relu", ["bands"], ["heard"], name="relu"),
        node("Conv", ["heard", "w2"], ["deep"], name="second", strides=[4]),
        node("ReduceMean", ["deep", "last"], ["embedding"], name="mean", keepdims=0),
        node("MatMul", ["embedding", "w3"], ["logits"], name="out"),
    ]
    value = onnx.helper.make_tensor_value_info
    inner = onnx.helper.make_graph(
        nodes,
        "small",
        [value("waveforms", 1, ["batch", "samples"])],
        [value("logits", 1, ["batch", 2]), value("embedding", 1, ["batch", 12])],
        [weight("w1", 8, 1, 16), weight("w2", 12, 8, 8), weight("w3", 12, 2), axis, last],
    )
    path = tmp_path_factory.mktemp("int8") / "float.onnx"
    opset = onnx.helper.make_opsetid("", 20)
    onnx.save(onnx.helper.make_model(inner, opset_imports=[opset], ir_version=10), path)
    return path


def windows(count: int, seed: int = 4) -> NDArray[np.float32]:
    random = np.random.default_rng(seed)
    return (0.1 * random.standard_normal((count, 8_000))).astype(np.float32)


def test_the_work_of_a_layer_is_its_multiply_adds(graph: Path) -> None:
    work = multiply_adds(graph, windows(1)[0])
    first = (8_000 - 16) // 4 + 1
    second = (first - 8) // 4 + 1
    assert work == {"first": 8 * first * 16, "second": 12 * second * 8 * 8, "out": 2 * 12}


def test_an_int8_graph_is_near_the_float_one_and_holds_int8(graph: Path, tmp_path: Path) -> None:
    quantiser = Quantiser.learn(graph, windows(6), tmp_path)
    assert quantiser.layers == ("first", "second")  # the projection is not worth it
    quantiser.write(("second",), tmp_path / "int8.onnx")
    model = onnx.load(tmp_path / "int8.onnx")
    weights = {
        initializer.name: onnx.numpy_helper.to_array(initializer)
        for initializer in model.graph.initializer
    }
    int8_names = [name for name, values in weights.items() if values.dtype == np.int8]
    (quantised,) = (weights[name] for name in int8_names if weights[name].ndim == 3)
    assert quantised.shape == (12, 8, 8)
    assert np.abs(quantised).max() <= 64  # 7 bits: two products fit into 16 everywhere
    scales = [
        values for name, values in weights.items() if values.shape == (12,) and "scale" in name
    ]
    assert len(scales) >= 1  # one for each channel
    assert weights["w1"].dtype == np.float32
    inputs = windows(5, seed=9)
    (expected, _), (logits, _) = answers(graph, inputs), answers(tmp_path / "int8.onnx", inputs)
    gap = np.abs(logits - expected).max() / expected.std()
    assert 0 < gap < 0.1
