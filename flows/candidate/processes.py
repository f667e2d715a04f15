"""A training stage in several processes of this machine: `ANTIPHON_TRAINING_PROCESSES`.

Each process is told of the others by the variables that torchrun sets, so that a stage does not
care who started it: for several machines, torchrun does.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NoReturn

from flows.candidate.devices import device_here
from models.errors import InputError, LostError
from models.params.environment import setting_here

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess
    from multiprocessing.queues import SimpleQueue

GRACE_S = 3.0  # between asking the others to end and killing them
FAILED, LOST = 2, 3  # statuses: unusable input; another process is gone
Work = Callable[[], None]


def processes() -> int:
    """How many the setting asks for; one in a process that was itself started as one of several."""
    wanted = setting_here("ANTIPHON_TRAINING_PROCESSES", "1")
    if "RANK" in os.environ:
        return 1
    if wanted == "auto":
        import torch

        return max(1, torch.cuda.device_count()) if device_here() == "cuda" else 1
    if not wanted.isdigit() or int(wanted) < 1:
        raise InputError(
            f"ANTIPHON_TRAINING_PROCESSES: auto or a number from 1 on expected, found {wanted!r}"
        )
    return int(wanted)


def tell_story() -> None:
    """Log to stderr; of several processes the leading one alone tells more than errors."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    level = logging.INFO if os.environ.get("RANK", "0") == "0" else logging.ERROR
    for package in ("antiphon", "models"):
        logging.getLogger(package).setLevel(level)


def run_together(work: Work, count: int) -> None:
    """Call `work`, a function of a module, in `count` new processes, or here where that is one.

    Where one fails, the others are ended. Raises its InputError here, or LostError naming the
    process that was killed; any other error is raised with its traceback.
    """
    if count == 1:
        return work()
    import torch
    from torch.multiprocessing import get_context
    from torch.multiprocessing.spawn import ProcessExitedException, start_processes

    logging.getLogger("torch.multiprocessing.spawn").setLevel(logging.ERROR)  # errors say it
    meeting = torch.distributed.TCPStore(  # type: ignore[attr-defined]
        "127.0.0.1", 0, is_master=True, wait_for_workers=False
    )
    sentences = get_context("spawn").SimpleQueue()
    arguments = (work, count, meeting.port, sentences)
    group = start_processes(  # type: ignore[no-untyped-call]
        _process, arguments, nprocs=count, join=False, start_method="spawn"
    )
    try:
        while not group.join():
            pass
    except (KeyboardInterrupt, SystemExit):
        _end_all(group.processes)
        raise
    except ProcessExitedException:
        if not sentences.empty():
            raise InputError(sentences.get()) from None
        raise LostError(_end_of([process.exitcode for process in group.processes])) from None


def _end_all(others: Sequence[BaseProcess]) -> None:
    """Ask them to end, and kill those that wait for each other."""
    for process in others:
        process.terminate()
    deadline = time.monotonic() + GRACE_S
    for process in others:
        process.join(max(0.0, deadline - time.monotonic()))
        process.kill()


def _end_of(statuses: Sequence[int]) -> str:
    """Which process ended first, of whom some were ended because of it."""
    after = (0, LOST, -signal.SIGTERM)
    first = next((rank for rank, status in enumerate(statuses) if status not in after), 0)
    status = statuses[first]
    ending = signal.Signals(-status).name if status < 0 else f"status {status}"
    return (
        f"process {first} of {len(statuses)} ended by {ending}; the same command goes on from the "
        "last checkpoint"
    )


def _process(rank: int, work: Work, count: int, port: int, sentences: SimpleQueue[str]) -> None:
    """One of several: tell it of the others as torchrun would, and tell the parent what failed."""
    import torch

    os.environ.update(
        RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE=str(count), LOCAL_WORLD_SIZE=str(count),
        MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port),
        TORCHELASTIC_USE_AGENT_STORE="True",  # the parent holds the store at that port
    )  # fmt: skip
    torch.set_num_threads(max(1, torch.get_num_threads() // count))
    try:
        work()
    except InputError as error:
        sentences.put(str(error))
        _leave(FAILED)
    except LostError:
        _leave(LOST)


def _leave(status: int) -> NoReturn:
    """End at once: in an orderly end, threads that wait for the other processes may abort it."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
