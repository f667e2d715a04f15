"""What the champion has answered is heard by the challenger too: later, or not at all.

Recordings wait in a queue of bounded length for one thread, which hands them to the challenger's
process one by one. What does not fit is dropped and counted; an answer never waits.
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
class _Heard:
    request_id: str
    waveform: NDArray[np.float32]  # (samples,) at 16 kHz


class Shadow:
    """The queue before the challenger, and the thread that empties it."""

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
        self._queue: deque[_Heard] = deque()
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="shadow", daemon=True)

    def start(self) -> None:
        """Begin to follow the challenger and to let it listen."""
        self.slot.start()
        self._thread.start()

    def offer(self, request_id: str, waveform: NDArray[np.float32]) -> None:
        """Let the challenger hear a recording that was answered, if there is one and it has room.

        The row of the answer must be on its way to the score log already.
        """
        if self.slot.current is None:
            return
        with self._changed:
            fits = len(waveform) <= self._room or not self._queue
            if fits:
                self._queue.append(_Heard(request_id, waveform))
                self._room -= len(waveform)
                self._metrics.shadow_waiting.inc()
                self._changed.notify()
        if not fits:
            self._metrics.shadow_dropped.labels("the queue is full").inc()

    def close(self) -> None:
        """Stop; what waits is dropped."""
        with self._changed:
            self._closing.set()
            self._changed.notify()
        self.slot.stop()  # its process ends, and with it what the thread waits for
        if self._thread.is_alive():
            self._thread.join()

    def _listen(self) -> None:
        while (heard := self._next()) is not None:
            challenger = self.slot.current
            if challenger is None:  # it was withdrawn, or has ended, while this waited
                self._metrics.shadow_dropped.labels("no challenger is loaded").inc()
            else:
                self._score(challenger, heard)
            self._done(heard)

    def _next(self) -> _Heard | None:
        """The oldest that waits, still in the queue; None when closing."""
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._closing.is_set())
            return None if self._closing.is_set() else self._queue[0]

    def _done(self, heard: _Heard) -> None:
        with self._changed:
            self._queue.popleft()
            self._room += len(heard.waveform)
        self._metrics.shadow_waiting.dec()

    def _score(self, challenger: Challenger, heard: _Heard) -> None:
        try:
            score = challenger.score(heard.waveform)
        except InputError as error:
            self._metrics.shadow_dropped.labels("the challenger gave no score").inc()
            log.warning("request %s: no score of the challenger: %s", heard.request_id, error)
        except EndedError:
            self._metrics.shadow_dropped.labels("the challenger ended").inc()
        else:
            self._metrics.shadow_scores.labels(str(challenger.version)).inc()
            self._score_log.put_shadow(_row(challenger, heard.request_id, score))


def _row(challenger: Challenger, request_id: str, cm_score: float) -> dict[str, object]:
    return {
        "request_id": request_id,
        "model_version": challenger.version,
        "scored_at": datetime.now(UTC),
        "cm_score": cm_score,
        "verdict": challenger.calibration.verdict(cm_score).value,
        "threshold": challenger.calibration.threshold,
    }
