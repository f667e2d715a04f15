"""Detector folders small enough to answer in milliseconds, and recordings to send."""

from __future__ import annotations

import io
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import soundfile
from numpy.typing import NDArray

from infra.errors import UnreachableError
from models.calibration import Calibration, write_calibration
from models.manifest import GOLDEN, GRAPH, Manifest, write_manifest
from models.params import WindowParams
from serving.metrics import Metrics, metrics


@pytest.fixture
def counted() -> Metrics:
    """The metrics of this process: tests look at differences."""
    return metrics()


@pytest.fixture
def speech() -> NDArray[np.float32]:
    """Two seconds (32000,) of something that has the level and the pauses of speech."""
    time = np.arange(32_000) / 16_000
    noise = np.random.default_rng(7).standard_normal(32_000) * 0.05
    return (
        (np.sin(2 * np.pi * 140 * time) * (np.sin(2 * np.pi * 3 * time) > 0) + noise) * 0.2
    ).astype(np.float32)


def wav(waveform: NDArray[np.float32], rate: int = 16_000) -> bytes:
    """A 16-bit WAV file."""
    stream = io.BytesIO()
    soundfile.write(stream, waveform, rate, format="WAV")
    return stream.getvalue()


@pytest.fixture
def recording(speech: NDArray[np.float32]) -> bytes:
    """The speech as a WAV file."""
    return wav(speech)


WINDOW = WindowParams(samples=8_000, hop=4_000)
CLEANING_WINDOW = replace(WINDOW, spectral_subtraction=4.0)


def make_detector(folder: Path, bias: float, window: WindowParams = WINDOW) -> Path:
    """A detector whose cm_score is `bias` plus the mean square, so that a score tells its version.

    A hand-written graph: it opens in milliseconds, and goes through every check of a real one.
    """
    folder.mkdir(parents=True)
    onnx.save(_graph(bias), folder / GRAPH)
    waveforms = np.random.default_rng(5).standard_normal((2, WINDOW.samples)).astype(np.float32)
    logits = np.stack([np.zeros(2), bias + (waveforms**2).mean(axis=1)], axis=1).astype(np.float32)
    np.savez(folder / GOLDEN, waveforms=waveforms, logits=logits, embeddings=waveforms[:, :20])
    write_calibration(folder, Calibration(slope=1.0, intercept=0.0, threshold=0.5))
    write_manifest(folder, Manifest("aasist", {}, window))
    return folder


def _graph(bias: float) -> onnx.ModelProto:
    """waveforms (batch, samples) -> logits (batch, 2), embedding (batch, 20)."""
    node, value = onnx.helper.make_node, onnx.helper.make_tensor_value_info
    constants = {
        "bias": np.array([bias], np.float32),
        "axis": np.array([1], np.int64),
        "start": np.array([0], np.int64),
        "stop": np.array([20], np.int64),
        "zero": np.array([0.0], np.float32),
    }
    nodes = [
        node("Mul", ["waveforms", "waveforms"], ["squares"]),
        node("ReduceMean", ["squares", "axis"], ["power"], keepdims=1),
        node("Add", ["power", "bias"], ["bonafide"]),
        node("Mul", ["power", "zero"], ["spoof"]),
        node("Concat", ["spoof", "bonafide"], ["logits"], axis=1),
        node("Slice", ["waveforms", "start", "stop", "axis"], ["embedding"]),
    ]
    graph = onnx.helper.make_graph(
        nodes,
        "detector",
        [value("waveforms", onnx.TensorProto.FLOAT, ["batch", "samples"])],
        [
            value("logits", onnx.TensorProto.FLOAT, ["batch", 2]),
            value("embedding", onnx.TensorProto.FLOAT, ["batch", 20]),
        ],
        [onnx.numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    return onnx.helper.make_model(
        graph, opset_imports=[onnx.helper.make_opsetid("", 20)], ir_version=10
    )


@pytest.fixture(scope="session")
def versions(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Detector folders by version number; version n scores n higher than silence, and 4 cleans."""
    folder = tmp_path_factory.mktemp("versions")
    made = {number: make_detector(folder / str(number), float(number)) for number in (1, 2, 3)}
    return {**made, 4: make_detector(folder / "4", 4.0, CLEANING_WINDOW)}


@dataclass(frozen=True)
class Version:
    """What a registry answers."""

    version: int

    @property
    def source(self) -> str:
        return f"runs/{self.version}/artifacts/detector"


class Registry:
    """Folders on disk behind an alias that can be moved and an outage that can be switched on."""

    def __init__(self, folders: dict[int, Path]) -> None:
        self.folders = dict(folders)
        self.alias: int | None = None
        self.down = False
        self.fetched: list[int] = []

    def champion(self) -> Version | None:
        self._reach()
        return None if self.alias is None else Version(self.alias)

    def fetch(self, version: int, into: Path) -> Path:
        self._reach()
        self.fetched.append(version)
        return Path(shutil.copytree(self.folders[version], into / "detector"))

    def _reach(self) -> None:
        if self.down:
            raise UnreachableError("the registry cannot be reached")


@pytest.fixture
def registry(versions: dict[int, Path]) -> Registry:
    return Registry(versions)
