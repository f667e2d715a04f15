"""What tests share."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def pytest_configure(config: pytest.Config) -> None:
    """Prefect's own tables, which its embedded server loads, warn when anybody's are used."""
    about = "Type object .* does not refer to an OperatorClass"
    config.addinivalue_line("filterwarnings", f"ignore:{about}:sqlalchemy.exc.SADeprecationWarning")


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
    return folder


@pytest.fixture
def mlflow_state(state: Path, migrated_mlflow: Path) -> Path:
    """A state folder with an empty MLflow database."""
    shutil.copy(migrated_mlflow, state / "mlflow.db")
    return state
