"""A vocoder as an ONNX graph: small and blunt, but it speaks from a mel spectrogram."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

from models.data.copy_synthesis.mel import filters_for
from models.params.neural_vocoder import NeuralVocoderParams

HOW = NeuralVocoderParams()  # as its spectrograms are made


@pytest.fixture(scope="session")
def small_vocoder(tmp_path_factory: pytest.TempPathFactory) -> NeuralVocoderParams:
    """Params that name such a graph."""
    path = write_vocoder(tmp_path_factory.mktemp("vocoder") / "vocoder.onnx", HOW.mels, HOW.hop)
    return NeuralVocoderParams(file=str(path))


@pytest.fixture
def make_vocoder(tmp_path: Path) -> Callable[..., NeuralVocoderParams]:
    """Give params that name a graph for other spectrograms than they say."""

    def make(mels: int = HOW.mels, stride: int = HOW.hop) -> NeuralVocoderParams:
        return NeuralVocoderParams(file=str(write_vocoder(tmp_path / "own.onnx", mels, stride)))

    return make


def write_vocoder(path: Path, mels: int, stride: int) -> Path:
    """exp, the pseudo-inverse of the filters, and for each bin a tone of a phase of its own."""
    frame = 2 * HOW.hop
    time, bins = np.arange(frame), np.arange(HOW.fft // 2 + 1)[:, None]
    phases = np.random.default_rng(3).uniform(0, 2 * np.pi, bins.shape)
    tones = np.cos(2 * np.pi * bins * time / HOW.fft + phases) * np.hanning(frame) / HOW.fft
    constants = {"inverse": np.linalg.pinv(filters_for(HOW))[:, :mels], "tones": tones[:, None]}
    node, value = onnx.helper.make_node, onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        [
            node("Exp", ["mel"], ["magnitudes"]),
            node("MatMul", ["inverse", "magnitudes"], ["signed"]),
            node("Relu", ["signed"], ["spectra"]),
            node(
                "ConvTranspose", ["spectra", "tones"], ["waveform"],
                strides=[stride], pads=[(frame - stride) // 2] * 2,
            ),
        ],
        "vocoder",
        [value("mel", onnx.TensorProto.FLOAT, [1, mels, "frames"])],
        [value("waveform", onnx.TensorProto.FLOAT, [1, 1, "samples"])],
        [
            onnx.numpy_helper.from_array(array.astype(np.float32), name)
            for name, array in constants.items()
        ],
    )  # fmt: skip
    opset = [onnx.helper.make_opsetid("", 20)]
    onnx.save(onnx.helper.make_model(graph, opset_imports=opset, ir_version=10), path)
    return path
