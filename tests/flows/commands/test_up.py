"""`antiphon up` as a person runs it: every server, one table, and nothing left behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import httpx
import psutil
import pytest

PARTS = ("mlflow", "prefect", "endpoint", "evidently", "console")
PATIENCE_S = 200.0


@pytest.fixture
def own(tmp_path: Path) -> dict[str, str]:
    """A state folder and ports of its own."""
    own = {"ANTIPHON_STATE_DIR": str(tmp_path / "state"), "COLUMNS": "80", "OMP_NUM_THREADS": "1"}
    with ExitStack() as stack:
        for part in PARTS:
            held = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            own[f"ANTIPHON_{part.upper()}_PORT"] = str(held.getsockname()[1])
    foreign = (name for name in os.environ if not name.startswith(("ANTIPHON_", "PREFECT_")))
    return {**{name: os.environ[name] for name in foreign}, **own}


def up(own: dict[str, str], folder: Path) -> subprocess.Popen[str]:
    """The command, with what it says in up.out and up.err."""
    with (folder / "up.out").open("w") as out, (folder / "up.err").open("w") as err:
        command = [sys.executable, "-m", "flows.cli", "up"]
        return subprocess.Popen(command, env=own, stdout=out, stderr=err, text=True)


def test_a_taken_port_is_told_before_anything_starts(own: dict[str, str], tmp_path: Path) -> None:
    port = int(own["ANTIPHON_PREFECT_PORT"])
    with socket.create_server(("127.0.0.1", port)):
        assert up(own, tmp_path).wait(timeout=60) == 2
    assert (tmp_path / "up.err").read_text() == (
        f"antiphon: prefect cannot listen on 127.0.0.1:{port} (Address already in use); "
        "set ANTIPHON_PREFECT_PORT or ANTIPHON_PREFECT_HOST to another\n"
    )
    assert not (tmp_path / "state").exists()


def test_one_port_for_two_servers_is_told(own: dict[str, str], tmp_path: Path) -> None:
    own["ANTIPHON_EVIDENTLY_PORT"] = own["ANTIPHON_MLFLOW_PORT"]
    assert up(own, tmp_path).wait(timeout=60) == 2
    assert "set ANTIPHON_EVIDENTLY_PORT" in (tmp_path / "up.err").read_text()


@pytest.mark.slow
def test_everything_starts_and_ctrl_c_leaves_nothing_behind(
    own: dict[str, str], tmp_path: Path
) -> None:
    process = up(own, tmp_path)
    children: list[psutil.Process] = []
    try:
        table = wait_for_table(process, tmp_path / "up.out")
        children = psutil.Process(process.pid).children(recursive=True)
        assert max(map(len, table.splitlines()[:-1])) <= 80  # the last names a folder
        for part in PARTS:
            assert f"http://127.0.0.1:{own[f'ANTIPHON_{part.upper()}_PORT']}" in table
        assert {log.stem for log in (tmp_path / "state" / "logs").iterdir()} >= set(PARTS)
        assert scheduled(f"http://127.0.0.1:{own['ANTIPHON_PREFECT_PORT']}/api") == {
            "monitoring-check",
            "retraining-cycle",
            "shadow-watch",
        }
    finally:
        process.send_signal(signal.SIGINT)
        status = process.wait(timeout=90)
    assert status == 0
    assert len(children) >= 5
    assert not psutil.wait_procs(children, timeout=10)[1]


def wait_for_table(process: subprocess.Popen[str], out: Path) -> str:
    """What it has said once all servers are well."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and process.poll() is None:
        if "Ctrl-C" in out.read_text():
            return out.read_text()
        time.sleep(0.5)
    pytest.fail(f"{out.read_text()}\n{out.with_name('up.err').read_text()}")


def scheduled(api: str) -> set[str]:
    """The flows of which Prefect has planned a run; its scheduler looks every few seconds."""
    deadline = time.monotonic() + 60
    names: set[str] = set()
    while len(names) < 3 and time.monotonic() < deadline:
        runs = httpx.post(f"{api}/flow_runs/filter", json={}).json()
        flows = {run["flow_id"] for run in runs}
        names = {httpx.get(f"{api}/flows/{flow}").json()["name"] for flow in flows}
        time.sleep(0.5)
    return names
