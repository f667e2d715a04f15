"""`antiphon up` in a process of its own, on a state folder and ports of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

PARTS = ("mlflow", "prefect", "endpoint", "evidently", "console")
PATIENCE_S = 200.0


def own_environment_of(state: Path) -> dict[str, str]:
    """The environment of this process without settings, and a state folder and ports."""
    own = {"ANTIPHON_STATE_DIR": str(state), "COLUMNS": "80", "OMP_NUM_THREADS": "1"}
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


def wait_for_table(process: subprocess.Popen[str], out: Path) -> str:
    """What it has said once all servers are well."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and process.poll() is None:
        if "Ctrl-C" in out.read_text():
            return out.read_text()
        time.sleep(0.5)
    pytest.fail(f"{out.read_text()}\n{out.with_name('up.err').read_text()}")


@contextmanager
def running_platform(own: dict[str, str], folder: Path) -> Iterator[None]:
    """All servers, stopped by Ctrl-C at the end."""
    process = up(own, folder)
    try:
        wait_for_table(process, folder / "up.out")
        yield
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=90)
