"""What the endpoint answers when it cannot answer with a score."""

from __future__ import annotations


class RefusedError(Exception):
    """A request that is not answered with a score; the sentence goes to the client as it is."""

    status = 400


class UnauthorizedError(RefusedError):
    """No token, or a wrong one."""

    status = 401


class UnknownRequestError(RefusedError):
    """A request_id that no answer carried."""

    status = 404


class AlreadyFlaggedError(RefusedError):
    """A request that somebody flagged before."""

    status = 409


class TooLargeError(RefusedError):
    """A body over the limit."""

    status = 413


class NotReadyError(RefusedError):
    """Something an answer needs is not there yet, or not there now."""

    status = 503
