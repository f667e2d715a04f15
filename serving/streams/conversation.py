"""One socket from its handshake to its end: reads, scores and writes side by side."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from datetime import UTC, datetime

from starlette.websockets import WebSocket, WebSocketDisconnect

from serving.streams.dialects.dialect import Dialect
from serving.streams.entrance import check_entrance, subprotocol_of
from serving.streams.letterbox import Letterbox
from serving.streams.live import DECIDED, ENDED, OPENED, LiveStreams
from serving.streams.messages import ErrorMessage, ReconnectMessage, ServerMessage
from serving.streams.scoring import score_cut
from serving.streams.steps import AudioStep, CloseStep, FinalizeStep, GapStep, OpenStep, ReplyStep
from serving.streams.stream import LiveStream
from serving.streams.stream_errors import (
    BAD_SCHEMA,
    EXPIRED,
    FAILED,
    IDLE,
    NORMAL,
    RESTART,
    TOO_FAST,
    TRY_LATER,
    StreamError,
)
from serving.streams.stream_metrics import stream_metrics
from serving.streams.wire import Wire, settled

log = logging.getLogger(__name__)

OPENING_S = 10.0  # from the handshake to the message that begins the stream
SEND_S = 20.0  # for one message: a client that does not read gets no more
LONGEST_BACKLOG_S = 30.0  # of audio that was not scored: then the socket is not read for a while
REST_S = 30.0  # to score what is left at the end


class Conversation:
    """What is said on one socket."""

    def __init__(self, socket: WebSocket, dialect: Dialect, live: LiveStreams) -> None:
        self._socket, self._dialect, self._live = socket, dialect, live
        self._wire = Wire(socket, SEND_S)
        self._letters = Letterbox()
        self._changed = asyncio.Event()  # there may be windows to score
        self._scored = asyncio.Event()  # some were
        self._flushing = self._ended = False
        self._opened_at = time.monotonic()

    async def run(self) -> None:
        """Serve the socket until it is closed."""
        try:
            await self._socket.accept(subprotocol=subprotocol_of(self._socket))
            opening = await self._enter()
            with self._live.admitted(self._dialect.name, opening) as stream:
                await self._serve(stream)
        except StreamError as error:
            await self._refuse(error)
        except (WebSocketDisconnect, OSError):
            return  # it left before a stream began

    async def _enter(self) -> OpenStep:
        """How the stream begins. Raises StreamError unless it may."""
        query = dict(self._socket.query_params)
        name, secrets = self._dialect.name, self._live.secrets
        opening = self._dialect.opening(query)
        if opening is not None:
            await check_entrance(self._socket, name, secrets, None)
            return opening
        try:
            async with asyncio.timeout(OPENING_S):
                opening = await self._first_step()
        except TimeoutError:
            raise StreamError(IDLE, f"a stream within {OPENING_S:g} s expected") from None
        await check_entrance(self._socket, name, secrets, opening.token)
        return opening

    async def _first_step(self) -> OpenStep:
        while True:
            for step in self._dialect.read(await self._wire.receive()):
                match step:
                    case OpenStep():
                        return step
                    case ReplyStep():
                        await self._wire.send(step.text)
                    case _:
                        raise StreamError(BAD_SCHEMA, "the beginning of a stream expected first")

    async def _serve(self, stream: LiveStream) -> None:
        self._send(stream.begin())
        await self._live.note(stream, OPENED)
        writer = asyncio.create_task(self._write())
        scorer = asyncio.create_task(self._score(stream))
        error: StreamError | None = None
        try:
            error = await self._converse(stream, scorer, writer)
        finally:
            stream.end()
            self._ended = True
            self._changed.set()
            await settled(scorer, REST_S)
            await self._say_goodbye(stream, error, writer)
            await self._account(stream)

    async def _converse(
        self, stream: LiveStream, scorer: asyncio.Task[None], writer: asyncio.Task[None]
    ) -> StreamError | None:
        """Read until the audio ends; what ended it before its client wanted, or None."""
        reader = asyncio.create_task(self._read(stream))
        left = asyncio.create_task(self._leave())
        try:
            await asyncio.wait({reader, scorer, writer, left}, return_when=asyncio.FIRST_COMPLETED)
            for task in (reader, scorer, writer, left):
                if task.done() and isinstance(error := task.exception(), StreamError):
                    return error
                if task.done() and error is not None:
                    log.error("stream %s failed", stream.id, exc_info=error)
                    return StreamError(FAILED, "the endpoint failed, its log has the reason")
            stream.close_code = reader.result() if reader.done() else None
            return None
        finally:
            for task in (reader, left):
                await settled(task, 0.0)

    async def _read(self, stream: LiveStream) -> int:
        """Take what comes; returns 1000 at the end of the audio, or the code of who has left."""
        while True:
            while stream.backlog_s > LONGEST_BACKLOG_S:
                self._scored.clear()
                await self._scored.wait()
            try:
                async with asyncio.timeout(self._live.limits.idle_s):
                    message = await self._wire.receive()
            except TimeoutError:
                raise StreamError(
                    IDLE, f"a message every {self._live.limits.idle_s:g} s expected"
                ) from None
            except WebSocketDisconnect as left:
                return left.code or 1006
            for step in self._dialect.read(message):
                if isinstance(step, CloseStep):
                    return NORMAL
                self._do(stream, step)
            self._check_clock(stream)
            self._changed.set()
            await self._live.note(stream)  # also while nobody speaks

    def _do(self, stream: LiveStream, step: object) -> None:
        match step:
            case AudioStep():
                stream.take(step.data, step.channel)
            case GapStep():
                stream.gap(step.seconds, step.channel)
            case FinalizeStep():
                stream.finalize()
                self._flushing = True
            case ReplyStep():
                self._letters.put(step.text)
            case OpenStep():
                raise StreamError(BAD_SCHEMA, "one beginning of a stream expected")

    def _check_clock(self, stream: LiveStream) -> None:
        limits, passed_s = self._live.limits, time.monotonic() - self._opened_at
        if stream.audio_s > passed_s + limits.ahead_s:
            raise StreamError(
                TOO_FAST,
                f"audio at most {limits.ahead_s:g} s ahead of the clock expected, "
                f"found {stream.audio_s - passed_s:.0f} s",
            )
        if max(passed_s, stream.audio_s) > limits.longest_s:
            raise StreamError(EXPIRED, f"a stream of at most {limits.longest_s:g} s expected")

    async def _score(self, stream: LiveStream) -> None:
        """Score what is due until the audio has ended."""
        runners = self._live.door.runners
        while True:
            self._changed.clear()
            cuts = stream.due()
            if cuts:
                with self._live.door.metrics.stage_seconds.labels("stream").time():
                    scores = [score_cut(runners, stream.champion, cut) for cut in cuts]
                    scored = await asyncio.gather(*scores)
                for one in scored:
                    stream_metrics().windows.labels(one.reason or "scored").inc()
                    message, is_news = stream.judge(one)
                    self._send(message)
                    await self._live.note(stream, DECIDED if is_news else None)
                self._scored.set()
                continue
            if self._flushing or self._ended:
                self._flushing = False
                for message in stream.standing():
                    self._send(message)
            if self._ended:
                return
            await self._changed.wait()

    async def _leave(self) -> None:
        """Ask the client to reconnect when the worker ends; raises StreamError after the grace."""
        await self._live.leaving.wait()
        self._send(ReconnectMessage(within_s=self._live.grace_s))
        await self._live.left.wait()
        raise StreamError(RESTART, "this worker ends")

    async def _write(self) -> None:
        try:
            while (text := await self._letters.take()) is not None:
                await self._wire.send(text)
        except TimeoutError:
            raise StreamError(TRY_LATER, "a client that reads expected") from None

    async def _say_goodbye(
        self, stream: LiveStream, error: StreamError | None, writer: asyncio.Task[None]
    ) -> None:
        """Send what the client still gets, and close the socket."""
        if error is not None:
            stream.close_code = error.code
            self._send(ErrorMessage(error_code=error.code, error=str(error)))
        else:
            self._send(stream.summary())
        self._letters.close()
        await settled(writer, SEND_S if self._wire.is_there else 0.0)
        await self._wire.close(stream.close_code or NORMAL, str(error) if error else "")

    async def _account(self, stream: LiveStream) -> None:
        """Write down what became of it."""
        stream.ended_at = datetime.now(UTC)
        metrics, code = stream_metrics(), stream.close_code or NORMAL
        metrics.closed.labels(stream.dialect, str(code)).inc()
        stream.count(metrics)
        await self._live.note(stream, ENDED)

    async def _refuse(self, error: StreamError) -> None:
        """An error before there is a stream."""
        stream_metrics().closed.labels(self._dialect.name, str(error.code)).inc()
        with contextlib.suppress(TimeoutError):
            for text in self._dialect.write(ErrorMessage(error_code=error.code, error=str(error))):
                await self._wire.send(text)
        await self._wire.close(error.code, str(error))

    def _send(self, message: ServerMessage) -> None:
        for text in self._dialect.write(message):
            self._letters.put(text, message)
