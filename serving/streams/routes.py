"""The routes of live streams: the sockets, one a dialect, and where their verdicts are read."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from pydantic import BaseModel, TypeAdapter
from sqlalchemy import Engine
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket

from infra.access.scopes import Scope
from infra.errors import UnreachableError
from infra.live.stream_rows import read_stream, streams_of_call
from infra.tables import StreamRow
from models.errors import InputError
from serving.access import check_access
from serving.errors import NotReadyError, RefusedError
from serving.streams.conversation import Conversation
from serving.streams.dialects.audiohook import AudiohookDialect
from serving.streams.dialects.dialect import LONGEST_NAME, Dialect
from serving.streams.dialects.native import NativeDialect
from serving.streams.dialects.telnyx import TelnyxDialect
from serving.streams.dialects.twilio import TwilioDialect
from serving.streams.live import LiveStreams
from serving.streams.messages import StreamAnswer

LONGEST_WAIT_S = 60.0
POLL_S = 1.0  # another worker's streams are read from the database
LOST_AFTER = timedelta(seconds=60)  # an open stream is written every few seconds
DIALECTS: dict[str, Callable[[], Dialect]] = {
    "/v1/stream": NativeDialect,
    "/v1/stream/twilio": TwilioDialect,
    "/v1/stream/telnyx": TelnyxDialect,
    "/v1/stream/audiohook": AudiohookDialect,
}
Result = TypeVar("Result")
_list: TypeAdapter[list[StreamAnswer]] = TypeAdapter(list[StreamAnswer])


class UnknownStreamError(RefusedError):
    """No stream has this id."""

    status = 404


def stream_routes() -> list[BaseRoute]:
    """The routes, for an application whose state has `streams`, a LiveStreams."""
    sockets = [WebSocketRoute(path, _talk(dialect)) for path, dialect in DIALECTS.items()]
    return [
        *sockets,
        Route("/v1/streams", _answering(_of_call), methods=["GET"]),
        Route("/v1/streams/{stream_id}", _answering(_one), methods=["GET"]),
    ]


def _talk(dialect: Callable[[], Dialect]) -> Callable[[WebSocket], Awaitable[None]]:
    async def endpoint(socket: WebSocket) -> None:
        await Conversation(socket, dialect(), socket.app.state.streams).run()

    return endpoint


async def _one(request: Request) -> Response:
    """The state of a stream; with `wait`, once its verdict is sure or it has ended."""
    live: LiveStreams = request.app.state.streams
    stream_id, until = request.path_params["stream_id"], _deadline(request)
    while True:
        answer = live.find(stream_id) or await _written(live, stream_id)
        if answer is None:
            raise UnknownStreamError(f"no stream {stream_id[:LONGEST_NAME]} is known")
        left_s = until - time.monotonic()
        if left_s <= 0 or _is_settled(answer):
            return _json(answer)
        await live.wait_for_news(min(left_s, POLL_S))


async def _of_call(request: Request) -> Response:
    """The streams of a call, newest first; with `wait`, once one of them is settled."""
    live: LiveStreams = request.app.state.streams
    call_id, until = request.query_params.get("call_id"), _deadline(request)
    if not call_id or len(call_id) > LONGEST_NAME:
        raise InputError(f"call_id: 1 to {LONGEST_NAME} characters expected")
    while True:
        rows = await _read(live, lambda engine: streams_of_call(engine, call_id))
        answers = [live.find(row.id) or _answer_of(row) for row in rows]
        left_s = until - time.monotonic()
        if left_s <= 0 or any(map(_is_settled, answers)):
            return Response(_list.dump_json(answers), media_type="application/json")
        await live.wait_for_news(min(left_s, POLL_S))


def _deadline(request: Request) -> float:
    """Monotonic s until which the client waits. Raises InputError."""
    text = request.query_params.get("wait", "0")
    try:
        wait_s = float(text)
    except ValueError:
        wait_s = -1.0
    if not 0 <= wait_s <= LONGEST_WAIT_S:
        raise InputError(f"wait: 0 to {LONGEST_WAIT_S:g} seconds expected")
    return time.monotonic() + wait_s


def _is_settled(answer: StreamAnswer) -> bool:
    return answer.decided or answer.state != "open"


async def _written(live: LiveStreams, stream_id: str) -> StreamAnswer | None:
    """What a worker has written of a stream, which may have ended."""
    row = await _read(live, lambda engine: read_stream(engine, stream_id))
    return None if row is None else _answer_of(row)


async def _read(live: LiveStreams, query: Callable[[Engine], Result]) -> Result:
    try:
        return await asyncio.to_thread(lambda: query(live.log.engine()))
    except UnreachableError as error:
        raise NotReadyError("streams cannot be looked up now, try again later") from error


def _answer_of(row: StreamRow) -> StreamAnswer:
    answer = StreamAnswer.model_validate(row.answer)
    if row.state == "open" and datetime.now(UTC) - row.updated_at > LOST_AFTER:
        return answer.model_copy(update={"state": "lost"})
    return answer


def _json(answer: BaseModel) -> Response:
    return Response(answer.model_dump_json(), media_type="application/json")


def _answering(
    answer: Callable[[Request], Awaitable[Response]],
) -> Callable[[Request], Awaitable[Response]]:
    """Check the token, answer, and turn each refusal into a status and one sentence."""

    async def endpoint(request: Request) -> Response:
        try:
            await check_access(request, Scope.SCORE)
            return await answer(request)
        except RefusedError as error:
            challenge = {"WWW-Authenticate": "Bearer"} if error.status == 401 else {}
            return JSONResponse({"error": str(error)}, error.status, challenge)
        except InputError as error:
            return JSONResponse({"error": str(error)}, 400)

    endpoint.__name__ = answer.__name__
    return endpoint
