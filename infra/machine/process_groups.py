"""Children with all that they start: asked to end together, then killed."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

POLL_S = 0.05


@contextmanager
def running_group(
    command: Sequence[str],
    environment: Mapping[str, str],
    output: int | IO[bytes],
    *,
    grace_s: float,
    folder: Path | None = None,
    lifeline: bool = False,
) -> Iterator[subprocess.Popen[bytes]]:
    """A child in a session of its own, so that Ctrl-C reaches this process alone.

    Whatever is left of it at the end of the block is stopped. Standard error goes where the output
    goes. With a lifeline, standard input is a pipe that ends with this process, even if it is
    killed.
    """
    process = subprocess.Popen(
        list(command),
        cwd=folder,
        env=dict(environment),
        stdin=subprocess.PIPE if lifeline else subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with undisturbed():
            stop_group(process, grace_s)
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()


def stop_group(process: subprocess.Popen[bytes], grace_s: float) -> None:
    """Ask a child's whole group to end, and kill what is left of it after the grace period."""
    deadline = time.monotonic() + grace_s
    if _send(process.pid, signal.SIGTERM):
        while not _has_ended(process) and time.monotonic() < deadline:
            time.sleep(POLL_S)
        _send(process.pid, signal.SIGKILL)
    process.wait()


@contextmanager
def undisturbed() -> Iterator[None]:
    """Ignore further requests to end while what was begun is brought to its end."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before: dict[int, Any] = {
        number: signal.signal(number, signal.SIG_IGN)
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    return process.poll() is not None and not _send(process.pid, 0)


def _send(group: int, number: int) -> bool:
    """Whether anybody was there to get it."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    return True
