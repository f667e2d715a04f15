"""GET /v1/streams: verdicts, for whoever does not hold the socket."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Engine
from starlette.requests import Request

from infra.live.stream_rows import read_stream, streams_of_call
from infra.tables import StreamRow
from serving.api.database_calls import in_database
from serving.api.values import PlainText, checked, query_values, shown
from serving.errors import RefusedError
from serving.streams.dialects.dialect import LONGEST_NAME
from serving.streams.live import LiveStreams
from serving.streams.messages import StreamAnswer

LONGEST_WAIT_S = 60.0
POLL_S = 1.0  # another worker's streams are read from the database
LOST_AFTER = timedelta(seconds=60)  # an open stream is written every few seconds
Row = TypeVar("Row")


class UnknownStreamError(RefusedError):
    """No stream has this id."""

    status = 404


class StreamQuery(BaseModel):
    """The parameters of GET /v1/streams/{stream_id}."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    wait: float = Field(
        0.0,
        ge=0,
        le=LONGEST_WAIT_S,
        description="seconds to wait until the sequential test is sure, or the stream has ended",
    )


class CallQuery(StreamQuery):
    """The parameters of GET /v1/streams."""

    call_id: PlainText = Field(
        min_length=1,
        max_length=LONGEST_NAME,
        description="of the client: callSid, call_control_id, conversationId, or call_id",
    )


class StreamsAnswer(BaseModel):
    """The answer of GET /v1/streams."""

    model_config = ConfigDict(frozen=True)

    streams: list[StreamAnswer]  # newest first


async def one_stream(request: Request) -> StreamAnswer:
    """The state of a stream; with `wait`, once its verdict is sure or it has ended."""
    live, stream_id = _live(request), request.path_params["stream_id"]
    until = time.monotonic() + checked(StreamQuery, query_values(request)).wait
    while True:
        answer = live.find(stream_id) or await _written(live, stream_id)
        if answer is None:
            raise UnknownStreamError(f"stream_id: no stream {shown(stream_id)}")
        left_s = until - time.monotonic()
        if left_s <= 0 or _is_settled(answer):
            return answer
        await live.wait_for_news(min(left_s, POLL_S))


async def streams_of_one_call(request: Request) -> StreamsAnswer:
    """The streams of a call; with `wait`, once one of them is settled."""
    live, query = _live(request), checked(CallQuery, query_values(request))
    until = time.monotonic() + query.wait
    while True:
        rows = await _read(live, lambda engine: streams_of_call(engine, query.call_id))
        own = live.of_call(query.call_id)
        answers = own + [_answer_of(row) for row in rows if row.id not in {one.id for one in own}]
        left_s = until - time.monotonic()
        if left_s <= 0 or any(map(_is_settled, answers)):
            return StreamsAnswer(streams=answers)
        await live.wait_for_news(min(left_s, POLL_S))


def _live(request: Request) -> LiveStreams:
    live: LiveStreams = request.app.state.streams
    return live


def _is_settled(answer: StreamAnswer) -> bool:
    return answer.decided or answer.state != "open"


async def _written(live: LiveStreams, stream_id: str) -> StreamAnswer | None:
    """What a worker has written of a stream, which may have ended."""
    row = await _read(live, lambda engine: read_stream(engine, stream_id))
    return None if row is None else _answer_of(row)


async def _read(live: LiveStreams, query: Callable[[Engine], Row]) -> Row:
    return await in_database("streams cannot be looked up", lambda: query(live.log.engine()))


def _answer_of(row: StreamRow) -> StreamAnswer:
    answer = StreamAnswer.model_validate(row.answer)
    if row.state == "open" and datetime.now(UTC) - row.updated_at > LOST_AFTER:
        return answer.model_copy(update={"state": "lost"})
    return answer
