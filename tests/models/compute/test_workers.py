"""Real processes, real kills."""

from __future__ import annotations

import logging
import math
import operator
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from models.audio.reading import read_audio
from models.compute.workers import Crew, in_order
from models.errors import InputError

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")

ROOT = Path(__file__).resolve().parents[3]

# a caller whose script is not made to be imported, and which ends while others work for it
CALLER = """
import sys, time
from models.compute.workers import Crew

with Crew(time.sleep, 2) as crew:
    for nap in (0.0, 0.0, 1.0, 1.0, 30.0, 30.0):
        crew.ask(nap)
    crew.answer(), crew.answer()
    print(*crew.processes, flush=True)
    {}
"""


@pytest.mark.parametrize("processes", [0, 1, 3])
def test_answers_come_in_the_order_of_tasks(processes: int) -> None:
    naps = [0.2, 0.0, 0.1, 0.0, 0.0, 0.05, 0.0]  # the first is done last
    assert list(in_order(partial(max, 0.0), naps, processes)) == naps
    assert list(in_order(time.sleep, naps, processes)) == [None] * len(naps)
    assert list(in_order(abs, [], processes)) == []


@pytest.mark.parametrize("processes", [0, 2])
def test_an_error_has_its_sentence_and_its_turn(processes: int, tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("no audio")
    sizes = in_order(os.path.getsize, [tmp_path / "text.wav"], processes)
    assert next(sizes) == 8
    files = [tmp_path / "text.wav", tmp_path / "none.wav"]
    with pytest.raises(InputError, match=r"text\.wav: not audio that can be read"):
        list(in_order(read_audio, files, processes))


def test_a_mistake_in_the_work_is_raised_here_too(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ValueError, match="math domain error"):
        list(in_order(math.sqrt, [4.0, -1.0], 1))
    assert "ended with status 1; 0 go on" in caplog.text
    assert "math domain error" in capfd.readouterr().err


def test_what_a_killed_process_was_asked_is_done_all_the_same(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with Crew(operator.neg, 2) as crew, caplog.at_level(logging.WARNING):
        for task in (1, 2):
            crew.ask(task)
        assert [crew.answer(), crew.answer()] == [-1, -2]
        first, second = crew.processes
        os.kill(first, signal.SIGKILL)
        for task in range(6):
            crew.ask(task)
        assert [crew.answer() for _ in range(6)] == [0, -1, -2, -3, -4, -5]
        assert crew.processes == (second,)
        os.kill(second, signal.SIGKILL)
        crew.ask(7)
        crew.ask(8)
        assert [crew.answer(), crew.answer()] == [-7, -8]
    assert "ended with status -9; 1 go on" in caplog.text
    assert "ended with status -9; 0 go on" in caplog.text


def test_processes_end_with_the_block_whatever_they_do() -> None:
    started = time.monotonic()
    with pytest.raises(KeyError), Crew(time.sleep, 2) as crew:
        processes = crew.processes
        crew.ask(60.0)
        raise KeyError
    assert not any(_runs(process) for process in processes)
    assert time.monotonic() - started < 30.0


@pytest.mark.parametrize(
    ("then", "sent", "status"),
    [
        ("time.sleep(60)", signal.SIGKILL, -signal.SIGKILL),
        ("time.sleep(60)", signal.SIGTERM, -signal.SIGTERM),
        ("crew.answer(), crew.answer(), crew.answer()", signal.SIGINT, -signal.SIGINT),
        ("input(); raise OSError('disk full')", None, 1),
        ("input(); sys.exit(3)", None, 3),
    ],
)
def test_processes_end_with_their_caller_however_it_ends(
    then: str, sent: signal.Signals | None, status: int
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", CALLER.format(then)],
        cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        start_new_session=True,
    ) as caller:  # fmt: skip
        assert caller.stdout is not None
        processes = [int(pid) for pid in caller.stdout.readline().split()]
        assert [_runs(process) for process in processes] == [True, True]
        if sent is not None:
            os.killpg(caller.pid, sent)  # as a terminal does
        _, errors = caller.communicate("go on\n", timeout=20)
    assert caller.returncode == status
    assert errors.count("Traceback") == (status in (1, -signal.SIGINT))  # the caller's own
    deadline = time.monotonic() + 15.0  # after a kill -9 they finish the task in hand, a second
    while any(map(_runs, processes)):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_audio_larger_than_memory_is_sent_by_its_name(tmp_path: Path) -> None:
    samples = np.lib.format.open_memmap(tmp_path / "audio.npy", "w+", np.int16, (2**36,))
    samples[2**35] = 7  # the rest is a hole
    mapped = np.load(tmp_path / "audio.npy", mmap_mode="r")
    with Crew(partial(operator.getitem, mapped), 1) as crew:
        crew.ask(2**35)
        assert crew.answer() == 7
        assert len(crew.processes) == 1  # it was not done here


def _runs(process: int) -> bool:
    """Whether it is there, and more than an entry that nobody has read."""
    try:
        status = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"
