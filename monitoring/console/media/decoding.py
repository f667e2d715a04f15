"""The processes that decode for the console; one that a recording ended is started again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

MEMORY_MB = 1024  # of one process; a file whose structure must be walked is held in memory
PATIENCE_S = 120.0  # without a word; a block takes milliseconds, a walk over a file seconds
ROOT = Path(__file__).resolve().parents[3]


class DecoderProcess:
    """One `monitoring.console.media.decoder` process."""

    def __init__(self, patience_s: float = PATIENCE_S) -> None:
        self._patience_s, self._is_closed = patience_s, False
        self._process = self._start()

    def decode(self, order: dict[str, Any], on_answer: Callable[[dict[str, Any]], None]) -> None:
        """Do an order; `on_answer` gets each answer, the last of which says how it ended."""
        if self._process.poll() is not None:
            self._restart()
        try:
            self._send(order)
            while not self._hand_on(on_answer):
                pass
        except (OSError, EOFError):
            self._restart()
            on_answer(
                {
                    "refused": f"its decoding hung for {self._patience_s:g} s, or took more than "
                    f"{MEMORY_MB} MiB of memory"
                }
            )

    def close(self) -> None:
        """End the process."""
        self._is_closed = True
        self._process.kill()
        self._process.communicate()

    def _restart(self) -> None:
        if not self._is_closed:
            self._process.kill()
            self._process.communicate()
            self._process = self._start()

    def _send(self, order: dict[str, Any]) -> None:
        if self._process.stdin is None:
            raise RuntimeError("the decoding process was started without pipes")
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        self._process.stdin.flush()

    def _hand_on(self, on_answer: Callable[[dict[str, Any]], None]) -> bool:
        """Pass one answer on; whether it was the last. Raises EOFError where none will come."""
        if self._process.stdout is None:
            raise RuntimeError("the decoding process was started without pipes")
        clock = threading.Timer(self._patience_s, self._process.kill)
        clock.start()
        try:
            line = self._process.stdout.readline()
        finally:
            clock.cancel()
        if not line.endswith(b"\n"):
            raise EOFError
        facts = json.loads(line)
        on_answer(facts)
        return not {"end", "refused", "failed"}.isdisjoint(facts)

    def _start(self) -> subprocess.Popen[bytes]:
        paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
        variables = {
            "OMP_NUM_THREADS": "1",  # the address space is limited
            "OPENBLAS_NUM_THREADS": "1",
            "PYTHONPATH": os.pathsep.join(path for path in paths if path),
        }
        return subprocess.Popen(
            [sys.executable, "-m", "monitoring.console.media.decoder", str(MEMORY_MB)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **variables},
            start_new_session=True,  # Ctrl-C is for the console; this ends with its input
        )
