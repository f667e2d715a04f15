"""The challenger, opened in a process of its own: it may be slow, swell or crash, answers go on."""

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
PATIENCE_S = 600.0  # of loading and of one recording: at the lowest priority a busy machine is slow


class EndedError(RuntimeError):
    """The challenger's process has ended; another one has to be started."""


@dataclass(frozen=True, eq=False)
class Challenger:
    """A version that hears what the champion hears. One thread may ask it for scores."""

    version: int
    manifest: Manifest
    calibration: Calibration
    manifest_hash: str
    loaded_at: datetime
    process: subprocess.Popen[bytes]

    @property
    def ended(self) -> bool:
        """Whether its process is gone."""
        return self.process.poll() is not None

    def score(self, waveform: NDArray[np.float32]) -> float:
        """The cm_score of a waveform (samples,), cut into windows as its own manifest says.

        Raises InputError where the detector gives none, and EndedError where its process ends.
        """
        clock = threading.Timer(PATIENCE_S, self.process.kill)
        clock.start()
        try:
            _send(self.process, waveform)
            return float(_answer_of(self.process)["cm_score"])
        finally:
            clock.cancel()

    def close(self) -> None:
        """End the process, whatever it is doing."""
        _end(self.process)


def open_challenger(version: int, folder: Path) -> Challenger:
    """Start the process of a detector folder, and return once it has checked its golden vectors.

    Raises InputError where the folder is not the detector that its manifest describes, and
    EndedError where it takes the process with it.
    """
    manifest, calibration = verify(folder), read_calibration(folder)
    process = _start(folder)
    clock = threading.Timer(PATIENCE_S, process.kill)
    clock.start()
    try:
        _answer_of(process)
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
    except (OSError, ValueError) as error:  # gone, or closed by the thread that follows the alias
        raise EndedError(_last_of(process)) from error


def _answer_of(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    _, answers = _pipes(process)
    try:
        answer: dict[str, Any] = json.loads(answers.readline())
    except ValueError as error:  # nothing, half a line, or a pipe that was closed meanwhile
        raise EndedError(_last_of(process)) from error
    if "refused" in answer:
        raise InputError(answer["refused"])
    return answer


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    for pipe in _pipes(process):
        with contextlib.suppress(OSError):  # what was still in the buffer of a dead process
            pipe.close()


def _last_of(process: subprocess.Popen[bytes]) -> str:
    return f"its process ended with status {process.wait()}"


def _pipes(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes]]:
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("the challenger's process was started without pipes")
    return process.stdin, process.stdout
