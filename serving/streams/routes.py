"""The sockets of live streams, one a dialect."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.routing import BaseRoute, WebSocketRoute
from starlette.websockets import WebSocket

from serving.streams.conversation import Conversation
from serving.streams.dialects.audiohook import AudiohookDialect
from serving.streams.dialects.dialect import Dialect
from serving.streams.dialects.native import NativeDialect
from serving.streams.dialects.telnyx import TelnyxDialect
from serving.streams.dialects.twilio import TwilioDialect

DIALECTS: dict[str, Callable[[], Dialect]] = {
    "/v1/stream": NativeDialect,
    "/v1/stream/twilio": TwilioDialect,
    "/v1/stream/telnyx": TelnyxDialect,
    "/v1/stream/audiohook": AudiohookDialect,
}


def stream_routes() -> list[BaseRoute]:
    """The routes, for an application whose state has `streams`, a LiveStreams."""
    return [WebSocketRoute(path, _talk(dialect)) for path, dialect in DIALECTS.items()]


def _talk(dialect: Callable[[], Dialect]) -> Callable[[WebSocket], Awaitable[None]]:
    async def endpoint(socket: WebSocket) -> None:
        await Conversation(socket, dialect(), socket.app.state.streams).run()

    return endpoint
