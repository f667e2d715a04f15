"""The streams of one worker: who is let in, what becomes of each, and how they end with it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from infra.webhooks.outbox import WebhookEvent
from infra.webhooks.targets import AllowedTargets, Target, TargetError
from models.errors import InputError
from models.params.window import StreamParams
from serving.champion import LoadedChampion
from serving.door import Door
from serving.errors import NotReadyError
from serving.streams.entrance import StreamSecrets
from serving.streams.messages import StreamAnswer
from serving.streams.policies import policy_for
from serving.streams.steps import OpenStep
from serving.streams.stream import LiveStream
from serving.streams.stream_errors import BAD_SCHEMA, RESTART, TOO_MANY, TRY_LATER, StreamError
from serving.streams.stream_log import Message, StreamLog
from serving.streams.stream_metrics import stream_metrics

FAREWELL_S = 5.0  # to score the rest and say goodbye
OPENED, DECIDED, ENDED = "opened", "decided", "ended"
NOTED_S = 5.0  # between two states of an open stream in the database


@dataclass(frozen=True)
class StreamLimits:
    """What the streams of a worker may take."""

    count: int
    idle_s: float  # without a message
    ahead_s: float  # of audio, before the clock
    longest_s: float


class LiveStreams:
    """The open streams of this worker; used on the event loop alone."""

    def __init__(
        self,
        door: Door,
        params: StreamParams,
        limits: StreamLimits,
        log: StreamLog,
        targets: AllowedTargets,
        default_webhook: str | None = None,
        secrets: StreamSecrets | None = None,
    ) -> None:
        self.door, self.limits, self.log = door, limits, log
        self.secrets = secrets or StreamSecrets()
        self._params, self._targets, self._default_webhook = params, targets, default_webhook
        self._streams: dict[str, LiveStream] = {}
        self._receivers: dict[str, list[Target]] = {}
        self._noted: dict[str, float] = {}  # monotonic s
        self._news = asyncio.Condition()
        self.leaving = asyncio.Event()  # the worker ends: streams are asked to reconnect
        self.left = asyncio.Event()  # the grace period is over
        self.grace_s = 0.0  # between the two

    @contextmanager
    def admitted(self, dialect: str, opening: OpenStep) -> Iterator[LiveStream]:
        """A new stream, as long as it is open. Raises StreamError if it cannot be."""
        if self.leaving.is_set():
            raise StreamError(RESTART, "this worker ends, another stream to another one expected")
        if len(self._streams) >= self.limits.count:
            raise StreamError(
                TOO_MANY, f"at most {self.limits.count} streams at once expected in one worker"
            )
        champion = self._champion()
        receivers = self._receivers_of(opening)
        try:
            policy = policy_for(opening, champion.policies)
        except InputError as error:
            raise StreamError(BAD_SCHEMA, str(error)) from error
        stream = LiveStream(dialect, opening, champion, policy, self._params, self.limits.longest_s)
        self._streams[stream.id], self._receivers[stream.id] = stream, receivers
        stream_metrics().open.inc()
        try:
            yield stream
        finally:
            stream_metrics().open.dec()
            self._streams.pop(stream.id)
            self._receivers.pop(stream.id)
            self._noted.pop(stream.id, None)

    def _champion(self) -> LoadedChampion:
        try:
            return self.door.champion()
        except NotReadyError as error:
            raise StreamError(TRY_LATER, str(error)) from error

    def _receivers_of(self, opening: OpenStep) -> list[Target]:
        url = opening.webhook or self._default_webhook
        if url is None:
            return []
        try:
            return [self._targets.target(url)]
        except TargetError as error:
            raise StreamError(BAD_SCHEMA, f"webhook: {error}") from error

    def find(self, stream_id: str) -> StreamAnswer | None:
        """What this worker knows of a stream that is open, or not written yet."""
        stream = self._streams.get(stream_id)
        if stream is not None:
            return stream.answer()
        return next((state for state in self.log.waiting() if state.id == stream_id), None)

    def of_call(self, call_id: str) -> list[StreamAnswer]:
        """What this worker knows of the streams of a call, newest first."""
        known = {state.id: state for state in self.log.waiting()}
        known |= {stream.id: stream.answer() for stream in self._streams.values()}
        own = [state for state in known.values() if state.call_id == call_id]
        return sorted(own, key=lambda state: state.opened_at, reverse=True)

    async def note(self, stream: LiveStream, event: str | None = None) -> None:
        """Write the state of a stream, at once if there is an event to be told, else at times."""
        now = time.monotonic()
        if event is None and now - self._noted.get(stream.id, float("-inf")) < NOTED_S:
            return
        self._noted[stream.id] = now
        answer = stream.answer()
        self.log.put(answer, self._messages(answer, event))
        async with self._news:
            self._news.notify_all()

    def _messages(self, answer: StreamAnswer, event: str | None) -> list[Message]:
        """One message a receiver; a stream without audio, such as a probe, tells nobody."""
        is_premature = event == DECIDED and not answer.decided  # of one channel of two
        if event in (None, OPENED) or is_premature or not answer.duration:
            return []
        news = WebhookEvent(
            key=f"stream/{answer.id}/{event}/{answer.verdict}",
            kind=f"stream.{event}",
            happened_at=datetime.now(UTC),
            data=answer.model_dump(mode="json"),
        )
        return [(news, target) for target in self._receivers.get(answer.id, [])]

    async def wait_for_news(self, longest_s: float) -> None:
        """Return when a stream of this worker has news, or after some time."""
        try:
            async with asyncio.timeout(longest_s), self._news:
                await self._news.wait()
        except TimeoutError:
            return

    async def leave(self, grace_s: float) -> None:
        """Take no more streams, ask the open ones to reconnect, and end them after some time."""
        self.grace_s = grace_s
        self.leaving.set()
        until = time.monotonic() + grace_s
        while self._streams and time.monotonic() < until:
            await asyncio.sleep(0.05)
        self.left.set()
        while self._streams and time.monotonic() < until + FAREWELL_S:
            await asyncio.sleep(0.05)
