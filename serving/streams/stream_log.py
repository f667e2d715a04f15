"""Writes what is known of streams to the database, from a thread of its own.

Of each stream only the newest state waits, so that a database that is away for long takes no
memory. Messages to clients wait with the states that caused them.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from infra.errors import SettingsError, UnreachableError, reason_of
from infra.live.stream_rows import write_streams
from infra.release import release
from infra.webhooks.outbox import WebhookEvent
from infra.webhooks.targets import Target
from serving.streams.messages import StreamAnswer
from serving.streams.stream_metrics import stream_metrics

log = logging.getLogger(__name__)

FIRST_WAIT_S, LONGEST_WAIT_S = 0.05, 5.0
LONGEST_FAREWELL_S = 5.0  # for the last rows, when the worker ends
Message = tuple[WebhookEvent, Target]


class StreamLog:
    """The newest state of each stream that is not written yet, and the thread that writes it."""

    def __init__(self, connect: Callable[[], Engine], on_message: Callable[[], None]) -> None:
        self._connect, self._on_message = connect, on_message
        self._states: dict[str, StreamAnswer] = {}
        self._messages: list[Message] = []
        self._changed = threading.Condition()
        self._closing = self._too_late = False
        self._thread = threading.Thread(target=self._run, name="stream-log", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    @property
    def writing(self) -> bool:
        """Whether the thread is running."""
        return self._thread.is_alive()

    def put(self, answer: StreamAnswer, messages: Sequence[Message] = ()) -> None:
        """The newest state of a stream, and what is to be told."""
        with self._changed:
            self._states[answer.id] = answer
            self._messages += messages
            stream_metrics().rows_waiting.set(len(self._states))
            self._changed.notify()

    def waiting(self) -> list[StreamAnswer]:
        """The states that are not written yet."""
        with self._changed:
            return list(self._states.values())

    def engine(self) -> Engine:
        """The database. Raises UnreachableError."""
        try:
            return self._connect()
        except SettingsError as error:  # of a newer antiphon: rows wait for a repair
            raise UnreachableError(str(error)) from error

    def close(self) -> None:
        """Write what waits; what cannot be written in time is lost, and the log says so."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join(LONGEST_FAREWELL_S)
        self._too_late = True
        if self._states:
            log.error("%d streams are not in the database: it is away", len(self._states))

    def _run(self) -> None:
        wait_s = FIRST_WAIT_S
        while self._has_work():
            try:
                self._write()
            except (UnreachableError, SQLAlchemyError) as error:
                if wait_s == FIRST_WAIT_S:
                    log.warning("streams cannot be written, they wait: %s", reason_of(error))
                with self._changed:
                    self._changed.wait_for(lambda: self._too_late, wait_s)
                wait_s = min(2 * wait_s, LONGEST_WAIT_S)
            else:
                wait_s = FIRST_WAIT_S

    def _has_work(self) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._states or self._closing)
            return bool(self._states) and not self._too_late

    def _write(self) -> None:
        with self._changed:
            states, messages = dict(self._states), list(self._messages)
        write_streams(self.engine(), [_row(state) for state in states.values()], messages)
        with self._changed:
            for stream_id, state in states.items():
                if self._states.get(stream_id) is state:
                    del self._states[stream_id]
            del self._messages[: len(messages)]
            stream_metrics().rows_waiting.set(len(self._states))
        if messages:
            self._on_message()


def _row(answer: StreamAnswer) -> dict[str, Any]:
    return {
        "id": answer.id,
        "dialect": answer.dialect,
        "call_id": answer.call_id,
        "state": answer.state,
        "model_version": answer.model_version,
        "opened_at": answer.opened_at,
        "updated_at": datetime.now(UTC),
        "ended_at": answer.ended_at,
        "verdict": answer.verdict.value,
        "duration_s": answer.duration,
        "speech_s": answer.speech_s,
        "close_code": answer.close_code,
        "audio_key": None,
        "release": release(),
        "answer": answer.model_dump(mode="json"),
    }
