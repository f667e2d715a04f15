"""Servers are real child processes here: started, watched, and all of them stopped."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from flows.servers import local as platform
from flows.servers.local import RunningServer, Server, platform_servers, running, wait_until_healthy
from infra.errors import UnreachableError
from infra.settings import Settings

SLEEP = "import time; time.sleep(60)"


def server(name: str, source: str, health: str | None = None, patience_s: float = 30.0) -> Server:
    command = [sys.executable, "-c", source]
    return Server(name, command, dict(os.environ), "http://page", health, patience_s)


def http_server(name: str) -> Server:
    """One that answers 200 to everything, a moment after it was started."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    source = f"""
import http.server, time
time.sleep(0.5)
http.server.ThreadingHTTPServer(
    ("127.0.0.1", {port}), http.server.SimpleHTTPRequestHandler
).serve_forever()
"""
    return server(name, source, f"http://127.0.0.1:{port}/")


def gone(pid: int, within_s: float = 10.0) -> bool:
    return eventually(lambda: not alive(pid), within_s)


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def eventually(holds: Callable[[], bool], within_s: float = 20.0) -> bool:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.05)
    return holds()


def written_pid(path: Path) -> int:
    assert eventually(lambda: path.is_file() and path.read_text().strip() != "")
    return int(path.read_text())


def test_healthy_means_that_every_server_answers(tmp_path: Path) -> None:
    healthy: list[str] = []
    with running([http_server("web"), server("worker", SLEEP)], tmp_path / "logs") as started:
        wait_until_healthy(started, lambda server: healthy.append(server.name))
        pids = [server.process.pid for server in started]
        assert all(map(alive, pids))
    assert healthy == ["worker", "web"]  # the worker has no page: it is well while it runs
    assert all(map(gone, pids))


def test_a_server_that_dies_is_named_with_its_last_words(tmp_path: Path) -> None:
    dying = server(
        "Prefect", "import sys; sys.exit('port 4200 is taken')", "http://127.0.0.1:9/health"
    )
    with (
        pytest.raises(UnreachableError) as raised,
        running([server("worker", SLEEP), dying], tmp_path) as started,
    ):
        wait_until_healthy(started, lambda _: None)
    log = tmp_path / "prefect.log"
    assert str(raised.value) == (
        f"Prefect stopped with status 1; last line of {log}: port 4200 is taken"
    )
    assert gone(started[0].process.pid), "the others are stopped, too"


def test_a_server_that_dies_later_ends_the_watch(tmp_path: Path) -> None:
    later = server("endpoint", "import time; time.sleep(0.5); print('out of memory')")
    with (
        running([later, server("worker", SLEEP)], tmp_path) as started,
        pytest.raises(UnreachableError, match=r"endpoint stopped with status 0.*out of memory"),
    ):
        platform.watch(started)


def test_a_server_that_never_answers_is_named_with_its_address(tmp_path: Path) -> None:
    deaf = server("MLflow", SLEEP, "http://127.0.0.1:9/health", patience_s=0.5)
    with (
        running([deaf], tmp_path) as started,
        pytest.raises(
            UnreachableError, match=r"MLflow does not answer at http://127.0.0.1:9/.* 0.5 s"
        ),
    ):
        wait_until_healthy(started, lambda _: None)


def test_grandchildren_are_stopped_with_their_parents(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    source = f"""
import pathlib, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "{SLEEP}"])
pathlib.Path("{pid_file}").write_text(str(child.pid))
time.sleep(60)
"""
    with running([server("parent", source)], tmp_path):
        grandchild = written_pid(pid_file)
        assert alive(grandchild)
    assert gone(grandchild)


def test_grandchildren_whose_parent_has_gone_before_are_stopped(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    source = f"""
import pathlib, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "{SLEEP}"])
pathlib.Path("{pid_file}").write_text(str(child.pid))
"""
    with running([server("parent", source)], tmp_path) as started:
        grandchild = written_pid(pid_file)
        assert eventually(lambda: started[0].process.poll() is not None)
    assert gone(grandchild)


def test_a_server_that_will_not_stop_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "GRACE_S", 0.5)
    ready = tmp_path / "pid"
    source = f"""
import os, pathlib, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
pathlib.Path("{ready}").write_text(str(os.getpid()))
time.sleep(60)
"""
    with running([server("stubborn", source)], tmp_path):
        pid = written_pid(ready)
    assert gone(pid, within_s=1.0)


def test_grandchildren_that_will_not_stop_are_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "GRACE_S", 0.5)
    pid_file = tmp_path / "pid"
    ignore = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)"
    child = f"{ignore}; import os, pathlib; pathlib.Path('{pid_file}').write_text(str(os.getpid()))"
    source = f"""
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", "{child}; {SLEEP}"])
time.sleep(60)
"""
    with running([server("parent", source)], tmp_path):
        grandchild = written_pid(pid_file)
    assert gone(grandchild, within_s=3.0)


def test_a_command_that_is_not_there_stops_what_was_started(tmp_path: Path) -> None:
    missing = Server("missing", [str(tmp_path / "nothing")], {}, "http://page", None)
    first: list[RunningServer] = []
    before = set(psutil.Process().children())
    with (
        pytest.raises(FileNotFoundError),
        running([server("worker", SLEEP), missing], tmp_path) as s,
    ):
        first.extend(s)
    assert eventually(lambda: set(psutil.Process().children()) <= before)


def test_ctrl_c_stops_everything(tmp_path: Path) -> None:
    pids: list[int] = []
    interrupt = threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT))
    with pytest.raises(KeyboardInterrupt), running([server("worker", SLEEP)], tmp_path) as started:
        pids.append(started[0].process.pid)
        interrupt.start()
        platform.watch(started)
    assert gone(pids[0])


def test_every_server_of_the_platform_has_a_page_of_its_own(tmp_path: Path) -> None:
    servers = platform_servers(Settings(state_dir=tmp_path))
    assert [server.name for server in servers] == [
        "MLflow",
        "Prefect",
        "deployments",
        "endpoint",
        "Evidently",
        "console",
    ]
    assert len({server.page for server in servers}) == len(servers)
    assert all(server.health for server in servers)
    for server in servers:
        assert server.environment["ANTIPHON_STATE_DIR"] == str(tmp_path)
        assert Path(server.command[0]).is_file()
