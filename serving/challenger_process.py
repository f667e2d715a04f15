"""The process that a challenger runs in, on what time and memory the champion leaves over.

Run as `python -m serving.challenger_process FOLDER` it opens the detector, says so, then reads
waveforms from standard input and answers on standard output, until the input ends.

    start     {} | {"refused": sentence}
    request   header (JSON line: samples), then float32 samples at 16 kHz
    answer    {"cm_score": number} | {"refused": sentence}
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from pathlib import Path
from typing import BinaryIO

import numpy as np

from models.errors import InputError
from models.packaging.runtime import ExportedDetector
from serving.champion import load_champion

WHILE_LOADING = 10  # nice: a tenth of a core that is wanted by others
AFTERWARDS = 19


def answer(requests: BinaryIO, answers: BinaryIO, detector: ExportedDetector) -> bool:
    """Score one waveform; False where there are no more."""
    line = requests.readline()
    if not line:
        return False
    data = requests.read(json.loads(line)["samples"] * 4)
    try:
        score = detector.score(np.frombuffer(data, dtype=np.float32)).cm_score
    except (InputError, RuntimeError, ValueError, MemoryError) as error:
        _write(answers, {"refused": f"{type(error).__name__}: {error}"})
    else:
        _write(answers, {"cm_score": score})
    return True


def main() -> None:
    """Open the detector of the first argument, and serve standard input until it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the endpoint
    os.nice(WHILE_LOADING)
    _die_first()
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not be taken for an answer
    try:
        champion = load_champion(0, Path(sys.argv[1]), threads=1)
    except (InputError, OSError, RuntimeError, ValueError, MemoryError) as error:
        _write(answers, {"refused": str(error)})
        return
    _write(answers, {})
    _leave_the_cores_to_others()
    while answer(sys.stdin.buffer, answers, champion.detector):
        pass


def _die_first() -> None:
    """Where memory runs out, the system is to end this process and not the endpoint."""
    with contextlib.suppress(OSError):  # Linux only
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")


def _leave_the_cores_to_others() -> None:
    os.nice(AFTERWARDS - WHILE_LOADING)
    if hasattr(os, "SCHED_IDLE"):  # Linux: gives way at once, where nice only gets less
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def _write(answers: BinaryIO, document: dict[str, object]) -> None:
    answers.write(json.dumps(document).encode() + b"\n")
    answers.flush()


if __name__ == "__main__":
    main()
