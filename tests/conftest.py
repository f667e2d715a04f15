"""What tests share."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from models.evaluation.calibration import Calibration, write_calibration
from models.files.manifest import GOLDEN, GRAPH, Manifest, write_manifest
from models.params.window import WindowParams

ROOT = Path(__file__).resolve().parents[1]
WINDOW = WindowParams(samples=8_000, hop=4_000)
CLEANING_WINDOW = replace(WINDOW, spectral_subtraction=4.0)
OWN_LENGTH_WINDOW = WindowParams(samples=32_000, hop=16_000, short="own")
LONGER_WINDOW = WindowParams(samples=12_000, hop=7_000)

BROWSERS = ("chromium", "chromium-browser", "google-chrome")

# how long an example takes is a matter of the machine
hypothesis.settings.register_profile(
    "patient", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("patient")


def pytest_configure(config: pytest.Config) -> None:
    """Hear Ctrl-C, and let Prefect's embedded server warn of its own tables unheard."""
    # a job in a shell's background ignores Ctrl-C, and so would all that tests start and interrupt
    signal.signal(signal.SIGINT, signal.default_int_handler)
    about = "Type object .* does not refer to an OperatorClass"
    config.addinivalue_line("filterwarnings", f"ignore:{about}:sqlalchemy.exc.SADeprecationWarning")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say in one line what was skipped and why."""
    skipped = terminalreporter.getreports("skipped")
    reasons = Counter(report.longrepr[2].removeprefix("Skipped: ") for report in skipped)
    if reasons:
        parts = (f"{count} ({reason})" for reason, count in reasons.most_common())
        terminalreporter.write_line(f"skipped {len(skipped)}: {'; '.join(parts)}")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real speech, weights and score files that lies beside the checkout."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip(f"needs {folder.name}/ beside the checkout: real speech, weights and scores")
    return folder


@pytest.fixture(scope="session")
def free_port() -> Callable[[], int]:
    """Gives ports that nobody listens on, to every process another."""

    def find() -> int:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
            return port

    return find


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Headless Chromium: Playwright's own, else that of the system.

    An event loop runs in the thread of the tests meanwhile, which changes what Prefect returns: so
    it ends with the module.
    """
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    with playwright.sync_playwright() as library:
        own = library.chromium.executable_path
        on_path = next(filter(None, map(shutil.which, BROWSERS)), None)
        executable = own if Path(own).exists() else on_path
        if executable is None:
            pytest.skip("needs Chromium: `playwright install chromium`, or one on the PATH")
        opened = library.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def own_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whatever a test or the code it runs puts into the environment ends with the test."""
    before = dict(os.environ)
    for name in [name for name in before if name.startswith("ANTIPHON_")]:
        monkeypatch.delenv(name)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="session")
def migrated_mlflow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty MLflow database, made once because its migrations take seconds."""
    file = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    source = f"""
from infra.mlflow_client import connect
from infra.settings import Settings
connect(Settings(mlflow_tracking_uri="sqlite:///{file}"))
"""
    subprocess.run([sys.executable, "-c", source], check=True, timeout=120)
    return file


@pytest.fixture
def state(
    tmp_path: Path,
    own_environment: None,  # noqa: ARG001
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """A state folder that the settings name."""
    folder = tmp_path / "state"
    folder.mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ANTIPHON_STATE_DIR", str(folder))
    monkeypatch.setenv("ANTIPHON_ENDPOINT", "none")  # a test that starts one deletes it
    return folder


@pytest.fixture
def mlflow_state(state: Path, migrated_mlflow: Path) -> Path:
    """A state folder with an empty MLflow database."""
    shutil.copy(migrated_mlflow, state / "mlflow.db")
    return state


@pytest.fixture
def speech() -> NDArray[np.float32]:
    """Two seconds (32000,) of something that has the level and the pauses of speech."""
    time = np.arange(32_000) / 16_000
    noise = np.random.default_rng(7).standard_normal(32_000) * 0.05
    return (
        (np.sin(2 * np.pi * 140 * time) * (np.sin(2 * np.pi * 3 * time) > 0) + noise) * 0.2
    ).astype(np.float32)


@pytest.fixture(scope="session")
def versions(
    tmp_path_factory: pytest.TempPathFactory, make_detector: Callable[..., Path]
) -> dict[int, Path]:
    """Detector folders by version number; version n scores n higher than silence.

    Version 4 cleans; 5 scores 5 lower, calls everything spoof, and hears longer windows; 6 hears
    short recordings at their own length.
    """
    folder = tmp_path_factory.mktemp("versions")
    plain = {n: make_detector(folder / str(n), float(n), WINDOW) for n in (1, 2, 3)}
    return {
        **plain,
        4: make_detector(folder / "4", 4.0, CLEANING_WINDOW),
        5: make_detector(folder / "5", -5.0, LONGER_WINDOW),
        6: make_detector(folder / "6", 6.0, OWN_LENGTH_WINDOW),
    }


@pytest.fixture(scope="session")
def make_detector() -> Callable[..., Path]:
    """Makes a detector whose cm_score is `bias` plus the mean square, so that a score tells it.

    A hand-written graph: it opens in milliseconds, and goes through every check of a real one.
    """
    return _make_detector


def _make_detector(folder: Path, bias: float, window: WindowParams) -> Path:
    folder.mkdir(parents=True)
    onnx.save(_graph(bias), folder / GRAPH)
    waveforms = np.random.default_rng(5).standard_normal((2, window.samples)).astype(np.float32)
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
