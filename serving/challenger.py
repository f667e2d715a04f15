"""The challenger, in a separate process: its delays, memory or crashes do not affect answers."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from models.errors import InputError
from models.evaluation.calibration import Calibration, read_calibration
from models.files.manifest import MANIFEST, Manifest, file_hash, verify

ROOT = Path(__file__).resolve().parents[1]
PATIENCE_S = 600.0  # for loading, and for one recording: at the lowest priority both may take long


class EndedError(RuntimeError):
    """The challenger's process has ended; start another one."""


@dataclass(frozen=True, eq=False)
class Challenger:
    """A version in shadow. Only one thread may call `score`."""

    version: int
    manifest: Manifest
    calibration: Calibration
    manifest_hash: str
    loaded_at: datetime
    process: subprocess.Popen[bytes]

    @property
    def ended(self) -> bool:
        """Whether its process has ended."""
        return self.process.poll() is not None

    def score(self, waveform: NDArray[np.float32]) -> float:
        """The cm_score of a waveform (samples,), cut into windows by its own manifest.

        Raises InputError if the detector gives no score, and EndedError if the process ends.
        """
        clock = threading.Timer(PATIENCE_S, self.process.kill)
        clock.start()
        try:
            _send(self.process, waveform)
            return float(_read_answer(self.process)["cm_score"])
        finally:
            clock.cancel()

    def close(self) -> None:
        """Kill the process."""
        _end(self.process)


def open_challenger(version: int, folder: Path) -> Challenger:
    """Start the process of a detector folder, and return after it has checked its golden vectors.

    Raises InputError if the folder does not match its manifest, and EndedError if the process ends.
    """
    manifest, calibration = verify(folder), read_calibration(folder)
    process = _start(folder)
    clock = threading.Timer(PATIENCE_S, process.kill)
    clock.start()
    try:
        _read_answer(process)
    except BaseException:
        _end(process)
        raise
    finally:
        clock.cancel()
    return Challenger(
        version, manifest, calibration, file_hash(folder / MANIFEST), datetime.now(UTC), process
    )


def _start(folder: Path) -> subprocess.Popen[bytes]:
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    search = {"PYTHONPATH": os.pathsep.join(path for path in paths if path)}
    return subprocess.Popen(
        [sys.executable, "-m", "serving.challenger_process", str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": "1", **search},
    )


def _send(process: subprocess.Popen[bytes], waveform: NDArray[np.float32]) -> None:
    requests, _ = _pipes(process)
    try:
        requests.write(json.dumps({"samples": len(waveform)}).encode() + b"\n")
        requests.write(np.ascontiguousarray(waveform, dtype=np.float32).data)
        requests.flush()
    except (OSError, ValueError) as error:  # ended, or closed by the thread that follows the alias
        raise EndedError(_exit_sentence(process)) from error


def _read_answer(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    _, answers = _pipes(process)
    try:
        answer: dict[str, Any] = json.loads(answers.readline())
    except ValueError as error:  # no line, half a line, or a closed pipe
        raise EndedError(_exit_sentence(process)) from error
    if "refused" in answer:
        raise InputError(answer["refused"])
    return answer


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    for pipe in _pipes(process):
        with contextlib.suppress(OSError):  # data was left in the buffer of an ended process
            pipe.close()


def _exit_sentence(process: subprocess.Popen[bytes]) -> str:
    return f"its process ended with status {process.wait()}"


def _pipes(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes]]:
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("the challenger's process was started without pipes")
    return process.stdin, process.stdout
