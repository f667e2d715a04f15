"""What can go wrong between a client and the endpoint."""

from __future__ import annotations


class ClientError(Exception):
    """Anything that kept a request from its answer."""


class EndpointError(ClientError):
    """The endpoint refused: its status and its sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(f"{status}: {sentence}")
        self.status = status
        self.sentence = sentence


class UnreachableEndpointError(ClientError):
    """No answer came, also after all attempts."""


class StreamClosedError(ClientError):
    """The endpoint closed a stream: the close code and a sentence."""

    def __init__(self, code: int, sentence: str) -> None:
        super().__init__(f"{code}: {sentence}")
        self.code = code
        self.sentence = sentence
