"""Streams: audio goes out in one thread or task, the messages of the endpoint come in."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection as SyncConnection
from websockets.sync.client import connect as connect_sync

from .calls import headers_of
from .errors import StreamClosedError

CLOSE = json.dumps({"type": "CloseStream"})
LAST = "Summary"


def stream(
    url: str, token: str | None, chunks: Iterable[bytes], options: Mapping[str, Any]
) -> Iterator[Mapping[str, Any]]:
    """The messages of a stream, until its Summary; raises StreamClosedError."""
    address = _address(url, options)
    with connect_sync(address, additional_headers=headers_of(token), proxy=None) as socket:
        sender = threading.Thread(target=_send, args=(socket, chunks), daemon=True)
        sender.start()
        try:
            while True:
                message = _message(socket.recv())
                yield message
                if message["type"] == LAST:
                    return
        except ConnectionClosed as error:
            raise _closed(error) from error


async def stream_async(
    url: str,
    token: str | None,
    chunks: AsyncIterable[bytes] | Iterable[bytes],
    options: Mapping[str, Any],
) -> AsyncIterator[Mapping[str, Any]]:
    """The messages of a stream, until its Summary; raises StreamClosedError."""
    address = _address(url, options)
    async with connect(address, additional_headers=headers_of(token), proxy=None) as socket:
        sender = asyncio.create_task(_send_async(socket, chunks))
        try:
            while True:
                message = _message(await socket.recv())
                yield message
                if message["type"] == LAST:
                    return
        except ConnectionClosed as error:
            raise _closed(error) from error
        finally:
            sender.cancel()


def _send(socket: SyncConnection, chunks: Iterable[bytes]) -> None:
    with suppress(ConnectionClosed):  # whoever receives says why
        for chunk in chunks:
            socket.send(chunk)
        socket.send(CLOSE)


async def _send_async(
    socket: ClientConnection, chunks: AsyncIterable[bytes] | Iterable[bytes]
) -> None:
    with suppress(ConnectionClosed):
        if isinstance(chunks, AsyncIterable):
            async for chunk in chunks:
                await socket.send(chunk)
        else:
            for chunk in chunks:
                await socket.send(chunk)
        await socket.send(CLOSE)


def _address(url: str, options: Mapping[str, Any]) -> str:
    query = urlencode({name: value for name, value in options.items() if value is not None})
    scheme, _, rest = url.partition("://")
    return f"{'wss' if scheme == 'https' else 'ws'}://{rest}/v1/stream?{query}"


def _message(text: str | bytes) -> dict[str, Any]:
    """A message; raises StreamClosedError for one of an error."""
    message: dict[str, Any] = json.loads(text)
    if message["type"] == "Error":
        raise StreamClosedError(message["error_code"], message["error"])
    return message


def _closed(error: ConnectionClosed) -> StreamClosedError:
    code = error.rcvd.code if error.rcvd else 1006
    return StreamClosedError(code, (error.rcvd and error.rcvd.reason) or "the connection ended")
