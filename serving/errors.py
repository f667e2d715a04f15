"""Refusals of the endpoint."""

from __future__ import annotations


class RefusedError(Exception):
    """A refused request; the client gets the message unchanged."""

    status = 400
    retry_s: int | None = None  # after which another try may be answered


class UnauthorizedError(RefusedError):
    """No token, or a wrong one."""

    status = 401


class UnknownRequestError(RefusedError):
    """A request_id without an answered request."""

    status = 404


class AlreadyFlaggedError(RefusedError):
    """A request that was flagged before with another claim."""

    status = 409


class KeyUsedError(RefusedError):
    """An idempotency key that belongs to another request."""

    status = 409


class StalledError(RefusedError):
    """A body that did not arrive in time."""

    status = 408


class TooLargeError(RefusedError):
    """A body over the size limit."""

    status = 413


class MediaTypeError(RefusedError):
    """A body of a media type that is not read."""

    status = 415


class BusyError(RefusedError):
    """More requests than are answered at once, or than a token may make."""

    status = 429

    def __init__(self, sentence: str, retry_s: int) -> None:
        super().__init__(sentence)
        self.retry_s = retry_s


class NotReadyError(RefusedError):
    """Something that the answer needs is not available now."""

    status = 503
    retry_s = 5
