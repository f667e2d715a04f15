"""The endpoint as it is run: `bentoml serve`, in a process of its own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from infra.settings import Settings, settings


@dataclass
class Served:
    """A running endpoint."""

    client: httpx.Client
    settings: Settings
    process: subprocess.Popen[bytes]
    log: Path

    def wait_for(self, path: str, holds: Callable[[httpx.Response], bool]) -> httpx.Response:
        until = time.monotonic() + 90
        while True:
            assert time.monotonic() < until, f"{path}: not within 90 s\n{self.log.read_text()}"
            try:
                response = self.client.get(path)
            except httpx.TransportError:
                assert self.process.poll() is None, self.log.read_text()
            else:
                if holds(response):
                    return response
            time.sleep(0.1)


@contextmanager
def place_of_its_own(
    folder: Path, migrated_mlflow: Path, workers: int, **more: str
) -> Iterator[Settings]:
    """Settings of an endpoint with a state folder in `folder`; `more` are further variables."""
    (folder / "state").mkdir()
    shutil.copy(migrated_mlflow, folder / "state" / "mlflow.db")
    with pytest.MonkeyPatch.context() as patch, socket.create_server(("127.0.0.1", 0)) as free:
        patch.chdir(folder)
        patch.setenv("ANTIPHON_STATE_DIR", str(folder / "state"))
        patch.setenv("ANTIPHON_ENDPOINT_PORT", str(free.getsockname()[1]))
        patch.setenv("ANTIPHON_ENDPOINT_WORKERS", str(workers))
        patch.setenv("ANTIPHON_FOLLOW_INTERVAL_S", "0.2")
        for name, value in more.items():
            patch.setenv(f"ANTIPHON_{name.upper()}", value)
        free.close()
        yield settings()


@contextmanager
def running(place: Settings, log_name: str) -> Iterator[Served]:
    log = place.state_dir.parent / log_name
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "serving.launch"],
            cwd=Path(__file__).parents[2],
            env={**os.environ, **place.environment()},
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )
    address = f"http://{place.endpoint_host}:{place.endpoint_port}"
    with httpx.Client(base_url=address, timeout=30.0) as client:
        try:
            yield Served(client, place, process, log)
        finally:
            process.terminate()  # not kill: its workers would stay
            process.wait(30)
