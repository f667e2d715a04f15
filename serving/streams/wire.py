"""A socket as a conversation sees it: frames in, texts out, and one end."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

LONGEST_REASON = 120  # bytes of a close frame, which may have 123
GONE = (WebSocketDisconnect, OSError, RuntimeError)  # what sending to a client that left raises


class Wire:
    """One accepted socket."""

    def __init__(self, socket: WebSocket, send_s: float) -> None:
        self._socket, self._send_s = socket, send_s

    @property
    def is_there(self) -> bool:
        """Whether the client has not left."""
        return self._socket.client_state is WebSocketState.CONNECTED

    async def receive(self) -> str | bytes:
        """The next frame. Raises WebSocketDisconnect."""
        message = await self._socket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1006))
        data = message.get("bytes")
        return data if data is not None else str(message.get("text") or "")

    async def send(self, text: str) -> bool:
        """Send a text; False if the client has left. Raises TimeoutError if it does not read."""
        try:
            async with asyncio.timeout(self._send_s):
                await self._socket.send_text(text)
        except GONE as error:
            if isinstance(error, TimeoutError):
                raise
            return False
        return True

    async def close(self, code: int, reason: str) -> None:
        """Say goodbye, where somebody is there to hear it."""
        if not self.is_there:
            return
        short = reason.encode()[:LONGEST_REASON].decode(errors="ignore")
        with contextlib.suppress(*GONE):
            async with asyncio.timeout(self._send_s):
                await self._socket.close(code, short)


async def settled(task: asyncio.Task[Any], longest_s: float) -> None:
    """Wait for a task, and end it if it takes longer; what is wrong with it was said before."""
    await asyncio.wait({task}, timeout=longest_s)
    task.cancel()
    await asyncio.wait({task})
    if not task.cancelled():
        task.exception()
