"""Commands that run a flow, where Prefect's server is away or is another server."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from flows.servers.embedded_prefect import outage_of_prefect

pytestmark = pytest.mark.slow
FLOWS = [["monitor"], ["retrain"], ["shadow", "--check"]]
NAMES = ["PREFECT_API_URL", "ANTIPHON_PREFECT_API_URL"]


@pytest.fixture
def another_server() -> Iterator[str]:
    """The address of a web server that knows nothing of Prefect."""
    with ThreadingHTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/api"
        server.shutdown()


def antiphon(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "flows.cli", *arguments],
        env={**os.environ, **environment, "PYTHONPATH": str(Path(__file__).parents[3])},
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip


@pytest.mark.parametrize("command", FLOWS, ids=" ".join)
@pytest.mark.parametrize("name", NAMES)
def test_a_server_that_is_down_is_told_in_a_sentence(
    mlflow_state: Path,  # noqa: ARG001
    command: list[str],
    name: str,
    free_port: Callable[[], int],
) -> None:
    address = f"http://127.0.0.1:{free_port()}/api"
    done = antiphon(*command, **{name: address})
    assert (done.returncode, done.stdout) == (3, "")
    (sentence,) = done.stderr.splitlines()
    assert sentence.startswith(f"antiphon: Prefect cannot be reached at {address} (")
    assert f"unset {name} to run" in sentence


def test_a_stray_address_of_another_server_is_told_in_a_sentence(
    mlflow_state: Path,  # noqa: ARG001
    another_server: str,
) -> None:
    done = antiphon("monitor", PREFECT_API_URL=another_server)
    assert (done.returncode, done.stdout) == (3, "")
    (sentence,) = done.stderr.splitlines()
    assert f"Prefect cannot be reached at {another_server} (" in sentence


def test_an_outage_in_the_middle_of_a_flow_is_one_too() -> None:
    import httpx
    import prefect  # noqa: F401  an error of httpx is Prefect's where it is in use

    gone = outage_of_prefect(httpx.ConnectError("All connection attempts failed"))
    assert gone is not None and "All connection attempts failed" in str(gone)
    assert outage_of_prefect(RuntimeError("Failed to reach API at http://x/api")) is not None
    assert outage_of_prefect(RuntimeError("CUDA is out of memory")) is None
    assert outage_of_prefect(ValueError("no")) is None


def test_a_monitor_of_an_embedded_platform_needs_no_proxy(
    mlflow_state: Path, free_port: Callable[[], int]
) -> None:
    (mlflow_state.parent / "params.yaml").write_text("{}")
    dead = f"http://127.0.0.1:{free_port()}"
    done = antiphon("monitor", http_proxy=dead, https_proxy=dead, ALL_PROXY=dead)
    assert (done.returncode, done.stdout) == (0, "no champion\n"), done.stderr


def test_a_socks_proxy_that_prefect_cannot_use_is_told_in_a_sentence(
    mlflow_state: Path,  # noqa: ARG001
) -> None:
    done = antiphon("monitor", ALL_PROXY="socks5://127.0.0.1:9")
    assert (done.returncode, done.stdout) == (2, "")
    (sentence,) = done.stderr.splitlines()
    assert "names a SOCKS proxy" in sentence
