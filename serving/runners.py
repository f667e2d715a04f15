"""Runs windows of concurrent requests through the detector, in batches of one shape.

A batch holds windows of one champion: a request keeps its champion, so that one version scores all
of its windows. On a CPU, larger batches are no faster but several single-threaded runs are: the
default is batches of one window and a thread for each core. BentoML's batcher is not used: it
cancels requests that wait too long, cannot separate champions, and copies every window to another
process.
"""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from models.packaging.runtime import Outputs
from serving.champion import LoadedChampion

FAILURES = 3  # in a row, after which the detector counts as broken


@dataclass(eq=False)
class _Job:
    """The windows of one request, and their outputs so far."""

    champion: LoadedChampion
    windows: NDArray[np.float32]  # (n, samples)
    future: Future[Outputs] = field(default_factory=Future)
    handed_out: int = 0
    parts: dict[int, Outputs] = field(default_factory=dict)  # first window -> outputs
    done: int = 0

    @property
    def left(self) -> int:
        return len(self.windows) - self.handed_out

    def is_like(self, other: _Job) -> bool:
        """Whether windows of both can be in one batch."""
        same_length = self.windows.shape[1] == other.windows.shape[1]
        return self.champion is other.champion and same_length


@dataclass(frozen=True)
class _Share:
    """Windows start:stop of a job, in one batch."""

    job: _Job
    start: int
    stop: int


class Runners:
    """Threads that run windows, taking the waiting requests in turn."""

    def __init__(self, threads: int, batch: int) -> None:
        self._batch = batch
        self._jobs: deque[_Job] = deque()
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="runner")
        self._failures = 0  # of runs since one succeeded

    @property
    def failing(self) -> bool:
        """Whether the detector failed several times in a row."""
        return self._failures >= FAILURES

    def submit(self, champion: LoadedChampion, windows: NDArray[np.float32]) -> Future[Outputs]:
        """Outputs of windows (n, samples) by this champion; cancelling drops waiting windows."""
        job = _Job(champion, windows)
        with self._lock:
            self._jobs.append(job)
        for _ in range(-(-len(windows) // self._batch)):
            self._pool.submit(self._step)
        return job.future

    def close(self) -> None:
        """Run the submitted windows, then end the threads."""
        self._pool.shutdown(wait=True)

    def _step(self) -> None:
        with self._lock:
            shares = self._take()
        if not shares:
            return
        try:
            windows = [share.job.windows[share.start : share.stop] for share in shares]
            logits, embeddings = shares[0].job.champion.detector.run(np.concatenate(windows))
        except BaseException as error:
            self._failures += 1
            for share in shares:
                self._fail(share.job, error)
            raise
        self._failures = 0
        self._deliver(shares, logits, embeddings)

    def _take(self) -> list[_Share]:
        """Windows for one batch: of the first request, then of others like it.

        These have the same champion, and windows of the same length.

        A request with windows left goes to the end of the queue.
        """
        waiting, self._jobs = self._jobs, deque()
        shares: list[_Share] = []
        room = self._batch
        for job in waiting:
            if job.future.done():  # cancelled or failed
                continue
            if room and (not shares or job.is_like(shares[0].job)):
                count = min(room, job.left)
                shares.append(_Share(job, job.handed_out, job.handed_out + count))
                job.handed_out += count
                room -= count
            else:
                self._jobs.append(job)
        self._jobs.extend(share.job for share in shares if share.job.left)
        return shares

    def _deliver(
        self,
        shares: list[_Share],
        logits: NDArray[np.float32],
        embeddings: NDArray[np.float32],
    ) -> None:
        row = 0
        for share in shares:
            count = share.stop - share.start
            rows = slice(row, row + count)
            row += count
            with self._lock:
                share.job.parts[share.start] = (logits[rows], embeddings[rows])
                share.job.done += count
                complete = share.job.done == len(share.job.windows)
            if complete and share.job.future.set_running_or_notify_cancel():
                share.job.future.set_result(_joined(share.job.parts))

    def _fail(self, job: _Job, error: BaseException) -> None:
        with self._lock:
            if not job.future.done() and job.future.set_running_or_notify_cancel():
                job.future.set_exception(error)


def _joined(parts: dict[int, Outputs]) -> Outputs:
    ordered = [parts[start] for start in sorted(parts)]
    return (
        np.concatenate([logits for logits, _ in ordered]),
        np.concatenate([embeddings for _, embeddings in ordered]),
    )
