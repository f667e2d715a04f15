"""Sends answered recordings to the challenger, after the answer.

Recordings wait in a bounded queue for one thread, which passes them to the challenger's process one
by one. Recordings that do not fit are dropped and counted; answers never wait.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from models.audio.reading import SAMPLE_RATE
from models.errors import InputError
from serving.challenger import Challenger, EndedError
from serving.challenger_slot import ChallengerSlot
from serving.metrics import Metrics
from serving.score_log import ScoreLog

log = logging.getLogger(__name__)

LONGEST_QUEUE_S = 600.0  # of audio: 38 MB


@dataclass(frozen=True)
class _Recording:
    request_id: str
    waveform: NDArray[np.float32]  # (samples,) at 16 kHz


class ShadowQueue:
    """The queue of recordings, and the thread that has them scored."""

    def __init__(
        self,
        slot: ChallengerSlot,
        score_log: ScoreLog,
        metrics: Metrics,
        longest_s: float = LONGEST_QUEUE_S,
    ) -> None:
        self.slot = slot
        self._score_log, self._metrics = score_log, metrics
        self._room = self._limit = int(longest_s * SAMPLE_RATE)  # samples
        self._queue: deque[_Recording] = deque()
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._score_queue, name="shadow", daemon=True)

    def start(self) -> None:
        """Start following the challenger and scoring the queue."""
        self.slot.start()
        self._thread.start()

    def offer(self, request_id: str, waveform: NDArray[np.float32]) -> None:
        """Queue an answered recording if there is a challenger and the queue has room.

        The row of the answer must already be in the score log's queue.
        """
        if self.slot.current is None:
            return
        with self._changed:
            fits = len(waveform) <= self._room or not self._queue
            if fits:
                self._queue.append(_Recording(request_id, waveform))
                self._room -= len(waveform)
                self._metrics.challenger.waiting.inc()
                self._changed.notify()
        if not fits:
            self._metrics.challenger.dropped.labels("the queue is full").inc()

    def close(self) -> None:
        """Stop; waiting recordings are dropped."""
        with self._changed:
            self._closing.set()
            self._changed.notify()
        self.slot.stop()  # ends the process that the thread may be waiting for
        if self._thread.is_alive():
            self._thread.join()

    def _score_queue(self) -> None:
        while (recording := self._next()) is not None:
            challenger = self.slot.current
            if challenger is None:  # it was withdrawn, or ended, in the meantime
                self._metrics.challenger.dropped.labels("no challenger is loaded").inc()
            else:
                self._score(challenger, recording)
            self._done(recording)

    def _next(self) -> _Recording | None:
        """The oldest recording, which stays in the queue; None when closing."""
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._closing.is_set())
            return None if self._closing.is_set() else self._queue[0]

    def _done(self, recording: _Recording) -> None:
        with self._changed:
            self._queue.popleft()
            self._room += len(recording.waveform)
        self._metrics.challenger.waiting.dec()

    def _score(self, challenger: Challenger, recording: _Recording) -> None:
        try:
            score = challenger.score(recording.waveform)
        except InputError as error:
            self._metrics.challenger.dropped.labels("the challenger gave no score").inc()
            log.warning("request %s: no score of the challenger: %s", recording.request_id, error)
        except EndedError:
            self._metrics.challenger.dropped.labels("the challenger ended").inc()
        else:
            self._metrics.challenger.scores.labels(str(challenger.version)).inc()
            self._score_log.put_shadow(_row(challenger, recording.request_id, score))


def _row(challenger: Challenger, request_id: str, cm_score: float) -> dict[str, object]:
    return {
        "request_id": request_id,
        "model_version": challenger.version,
        "scored_at": datetime.now(UTC),
        "cm_score": cm_score,
        "verdict": challenger.calibration.verdict(cm_score).value,
        "threshold": challenger.calibration.threshold,
    }
