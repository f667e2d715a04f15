"""Processes that work ahead of this one and answer in the order in which they were asked.

They are fresh interpreters that import what they are sent and nothing else. `multiprocessing` would
fork threads and locks, or run the caller's script again in each of them, torch included.
"""

from __future__ import annotations

import io
import logging
import os
import pickle
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, Generic, TypeVar

import numpy as np

from models.errors import InputError

TASKS_EACH = 2  # asked of a process at once: one that it does, and the next
_PROGRAM = "import sys; from models.compute.workers import serve; serve(int(sys.argv[1]))"

Task = TypeVar("Task")
Answer = TypeVar("Answer")
_log = logging.getLogger(__name__)


@dataclass(eq=False)
class _Member:
    """One process, and this side of its pipe."""

    process: subprocess.Popen[bytes]
    pipe: Connection[Any, Any]
    tasks: int = 0  # asked and not answered

    def end(self) -> int:
        """Stop the process, whatever it does; its exit status, below 0 for a signal."""
        self.pipe.close()
        self.process.terminate()
        return self.process.wait()


class Crew(Generic[Task, Answer]):
    """Some processes that do `work`, a pure function that can be pickled.

    A memory map in it goes by the name of its file, so that audio is not copied. What a process
    cannot do (InputError, no memory) or was asked when it was killed is done here when its turn
    has come: errors are raised as and where they would be without processes. With its pipe each
    process ends, so that none outlives the caller, even one that is killed.
    """

    def __init__(
        self, work: Callable[[Task], Answer], processes: int, files: Sequence[int] = ()
    ) -> None:
        """Start them; `files` are descriptors that they are to inherit under the same numbers."""
        self._work = work
        self._asked: deque[tuple[Task, _Member | None]] = deque()
        self._members: list[_Member] = []
        sent = _pickled(work)
        try:
            for _ in range(processes):
                self._members.append(_start(files))
            for member in tuple(self._members):
                self._send(member, sent)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Crew[Task, Answer]:
        """The crew; it is dismissed at the end of the block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        """Dismiss it."""
        self.close()

    @property
    def waiting(self) -> int:
        """How many tasks were asked and not yet answered."""
        return len(self._asked)

    @property
    def processes(self) -> tuple[int, ...]:
        """The ids of those that are there."""
        return tuple(member.process.pid for member in self._members)

    def ask(self, task: Task) -> None:
        """Give a task to the process with the fewest."""
        member = min(self._members, key=lambda member: member.tasks, default=None)
        if member is not None:
            self._send(member, pickle.dumps(task))
            member.tasks += 1
        self._asked.append((task, member))

    def answer(self) -> Answer:
        """The answer to the oldest task, as soon as it is there; raises what `work` raises."""
        task, member = self._asked.popleft()
        done, answer = self._receive(member)
        return answer if done else self._work(task)

    def close(self) -> None:
        """End the processes; what they were asked is forgotten."""
        while self._members:
            self._members.pop().end()
        self._asked.clear()

    def _send(self, member: _Member, message: bytes) -> None:
        try:
            member.pipe.send_bytes(message)
        except OSError:
            self._miss(member)

    def _receive(self, member: _Member | None) -> tuple[bool, Any]:
        """Whether the task was done, and its answer."""
        if member is None or member not in self._members:
            return False, None
        try:
            outcome: tuple[bool, Any] = member.pipe.recv()
        except (EOFError, OSError):
            self._miss(member)
            return False, None
        member.tasks -= 1
        return outcome

    def _miss(self, member: _Member) -> None:
        self._members.remove(member)
        member.pipe.close()
        status = member.process.wait()
        _log.warning(
            "process %d, which worked ahead, ended with status %d; %d go on",
            member.process.pid,
            status,
            len(self._members),
        )


def in_order(
    work: Callable[[Task], Answer], tasks: Iterable[Task], processes: int
) -> Generator[Answer, None, None]:
    """`work` of each task in turn, at most two of them ahead for each process; 0: done here."""
    if processes == 0:
        yield from map(work, tasks)
        return
    with Crew(work, processes) as crew:
        left = iter(tasks)
        for task in islice(left, TASKS_EACH * processes):
            crew.ask(task)
        for task in left:
            yield crew.answer()
            crew.ask(task)
        while crew.waiting:
            yield crew.answer()


def serve(descriptor: int) -> None:
    """What each process does: answer, until the one that asks is gone."""
    with Connection(descriptor) as pipe, suppress(EOFError, ConnectionError):
        work = pipe.recv()
        while True:
            pipe.send(_outcome(work, pipe.recv()))


def _outcome(work: Callable[[Any], Any], task: Any) -> tuple[bool, Any]:
    try:
        return True, work(task)
    except (InputError, MemoryError):  # whoever asked meets it again
        return False, None


def _start(files: Sequence[int]) -> _Member:
    own_end, other_end = socket.socketpair()
    with other_end:
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", _PROGRAM, str(other_end.fileno())],
            stdin=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path or "." for path in sys.path)},
            pass_fds=(other_end.fileno(), *files),
            process_group=0,  # Ctrl-C is for the one that asks
        )
    return _Member(process, Connection(own_end.detach()))


class _Pickler(pickle.Pickler):
    def reducer_override(self, value: Any) -> Any:
        """A whole memory map is its file; a view of one is copied like any array."""
        if isinstance(value, np.memmap) and not isinstance(value.base, np.ndarray):
            return np.memmap, (value.filename, value.dtype, "r", value.offset, value.shape)
        return NotImplemented


def _pickled(work: Callable[[Any], Any]) -> bytes:
    stream = io.BytesIO()
    _Pickler(stream).dump(work)
    return stream.getvalue()
