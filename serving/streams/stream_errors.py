"""Why a stream is closed, by the codes that clients of AssemblyAI and Deepgram know."""

from __future__ import annotations

BAD_RATE = 4000  # sample rate, encoding or channels
UNAUTHORIZED = 4001
EXPIRED = 4008  # longer than a stream may be
TOO_FAST = 4029
IDLE = 4031
BAD_SCHEMA = 4101
TOO_MANY = 4102
NORMAL = 1000
FAILED = 1011
RESTART = 1012
TRY_LATER = 1013


class StreamError(Exception):
    """The stream ends; the client gets the code and the sentence."""

    def __init__(self, code: int, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
