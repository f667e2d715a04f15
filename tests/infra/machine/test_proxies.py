"""What the platform's clients make of a proxy in the environment."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from infra.machine.proxies import bypass_proxies
from infra.settings import Settings

ROOT = Path(__file__).resolve().parents[3]
ASK = """
import sys
from infra.mlflow_client import prepare_environment
from infra.settings import Settings
prepare_environment(Settings())
import httpx, requests, urllib.request
address = sys.argv[1]
print(httpx.get(address).status_code)
print(requests.get(address).status_code)
print(urllib.request.urlopen(address).status)
"""


class Counting(ThreadingHTTPServer):
    """Answers everything with one status, and counts."""

    def __init__(self, status: int) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.status = status
        self.paths: list[str] = []


class Handler(BaseHTTPRequestHandler):
    server: Counting

    def do_GET(self) -> None:
        self.server.paths.append(self.path)
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Silence."""


@pytest.fixture
def listen() -> Iterator[Callable[[int], Counting]]:
    """Starts servers."""
    servers: list[Counting] = []

    def start(status: int) -> Counting:
        servers.append(Counting(status))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return servers[-1]

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def proxied(monkeypatch: pytest.MonkeyPatch, own_environment: None) -> pytest.MonkeyPatch:  # noqa: ARG001
    """An environment without a word about proxies yet."""
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    return monkeypatch


def test_every_client_reaches_this_machine_past_the_proxy(
    listen: Callable[[int], Counting], proxied: pytest.MonkeyPatch
) -> None:
    proxy, server = listen(503), listen(200)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        proxied.setenv(name, f"http://127.0.0.1:{proxy.server_port}")
    done = subprocess.run(
        [sys.executable, "-c", ASK, f"http://127.0.0.1:{server.server_port}/health"],
        cwd=ROOT, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.stdout.split() == ["200", "200", "200"], done.stderr
    assert proxy.paths == []


def test_another_machine_is_reached_through_the_proxy(
    listen: Callable[[int], Counting], proxied: pytest.MonkeyPatch
) -> None:
    proxy = listen(200)
    proxied.setenv("http_proxy", f"http://127.0.0.1:{proxy.server_port}")
    done = subprocess.run(
        [sys.executable, "-c", ASK, "http://mlflow.example.invalid/health"],
        cwd=ROOT, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.stdout.split() == ["200", "200", "200"], done.stderr
    assert set(proxy.paths) == {"http://mlflow.example.invalid/health"}


def test_what_the_environment_excepts_stays_excepted(proxied: pytest.MonkeyPatch) -> None:
    proxied.setenv("no_proxy", ".corp, 10.0.0.7")
    proxied.setenv("NO_PROXY", "s3.corp")
    bypass_proxies(Settings(mlflow_host="mlflow.lan", endpoint_host="0.0.0.0"))
    bypass_proxies()
    names = ".corp,10.0.0.7,s3.corp,localhost,127.0.0.1,::1,mlflow.lan"
    assert os.environ["no_proxy"] == os.environ["NO_PROXY"] == names
