"""A graph with weights stored in 16 bits: half the file, and the arithmetic stays float32.

Processors without arithmetic in half precision would convert before and after each operator. A
runtime converts weights once, when it opens the graph.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from models.errors import InputError

_FEWEST = 64  # numbers in a weight that is worth a conversion


def halve_weights(graph: Path, out: Path) -> tuple[str, ...]:
    """Write the graph with its weights in float16; returns the names of those that changed.

    Raises InputError where a weight is beyond what float16 holds.
    """
    import onnx

    model = onnx.load(graph)
    casts, halved = [], []
    for weight in model.graph.initializer:
        values = onnx.numpy_helper.to_array(weight)
        if values.dtype != np.float32 or values.size < _FEWEST:
            continue
        if np.abs(values).max() > np.finfo(np.float16).max:
            raise InputError(f"{graph}: weights within ±65504 expected, {weight.name} is beyond")
        name = weight.name
        stored = f"{name}.float16"
        weight.CopyFrom(onnx.numpy_helper.from_array(values.astype(np.float16), stored))
        casts.append(onnx.helper.make_node("Cast", [stored], [name], to=onnx.TensorProto.FLOAT))
        halved.append(name)
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.save(model, out)
    return tuple(halved)
