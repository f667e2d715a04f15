"""Refusals of the endpoint."""

from __future__ import annotations


class RefusedError(Exception):
    """A refused request; the client gets the message unchanged."""

    status = 400


class UnauthorizedError(RefusedError):
    """No token, or a wrong one."""

    status = 401


class UnknownRequestError(RefusedError):
    """A request_id without an answered request."""

    status = 404


class AlreadyFlaggedError(RefusedError):
    """A request that was flagged before with another claim."""

    status = 409


class StalledError(RefusedError):
    """A body that did not arrive in time."""

    status = 408


class TooLargeError(RefusedError):
    """A body over the size limit."""

    status = 413


class NotReadyError(RefusedError):
    """Something that the answer needs is not available now."""

    status = 503
