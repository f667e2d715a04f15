"""What waits to be sent on one socket."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

from serving.streams.messages import ServerMessage, VerdictMessage
from serving.streams.stream_metrics import stream_metrics

CAPACITY = 64  # messages; older provisional verdicts give way to newer ones


@dataclass(frozen=True)
class _Letter:
    text: str
    is_provisional: bool


class Letterbox:
    """A bounded queue from which only provisional verdicts are dropped."""

    def __init__(self) -> None:
        self._letters: deque[_Letter] = deque()
        self._changed = asyncio.Event()
        self._closed = False

    def put(self, text: str, message: ServerMessage | None = None) -> None:
        """Queue a text, which stands for a message."""
        is_provisional = isinstance(message, VerdictMessage) and not message.is_final
        if len(self._letters) >= CAPACITY:
            self._make_room()
        self._letters.append(_Letter(text, is_provisional))
        self._changed.set()

    def close(self) -> None:
        """Nothing more is put in."""
        self._closed = True
        self._changed.set()

    async def take(self) -> str | None:
        """The next text; None at the end."""
        while not self._letters:
            if self._closed:
                return None
            self._changed.clear()
            await self._changed.wait()
        return self._letters.popleft().text

    def _make_room(self) -> None:
        for letter in self._letters:
            if letter.is_provisional:
                self._letters.remove(letter)
                stream_metrics().dropped.inc()
                return
