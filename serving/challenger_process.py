"""The challenger's process, which uses only idle processor time.

`python -m serving.challenger_process FOLDER` opens the detector and reports it. It then reads
waveforms from standard input and writes scores to standard output, until the input ends.

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

NICE_WHILE_LOADING = 10  # nice: about a tenth of a core that other processes also use
NICE_WHILE_SCORING = 19


def answer(requests: BinaryIO, answers: BinaryIO, detector: ExportedDetector) -> bool:
    """Score one waveform; False at the end of the input."""
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
    """Open the detector in the folder `argv[1]`, and serve standard input until it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the endpoint
    os.nice(NICE_WHILE_LOADING)
    _prefer_for_oom_kill()
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # library output must not mix with answers
    try:
        champion = load_champion(0, Path(sys.argv[1]), threads=1)
    except (InputError, OSError, RuntimeError, ValueError, MemoryError) as error:
        _write(answers, {"refused": str(error)})
        return
    _write(answers, {})
    _use_idle_time_only()
    while answer(sys.stdin.buffer, answers, champion.detector):
        pass


def _prefer_for_oom_kill() -> None:
    """If memory runs out, the kernel ends this process first."""
    with contextlib.suppress(OSError):  # Linux only
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")


def _use_idle_time_only() -> None:
    os.nice(NICE_WHILE_SCORING - NICE_WHILE_LOADING)
    if hasattr(os, "SCHED_IDLE"):  # Linux: runs only on idle cores, unlike nice
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def _write(answers: BinaryIO, document: dict[str, object]) -> None:
    answers.write(json.dumps(document).encode() + b"\n")
    answers.flush()


if __name__ == "__main__":
    main()
