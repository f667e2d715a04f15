"""The token check of the endpoint."""

from __future__ import annotations

import hmac

from starlette.requests import Request

from serving.errors import UnauthorizedError


def check_token(request: Request, token: str | None) -> None:
    """Raise UnauthorizedError unless the request has the token; compares in constant time."""
    if token is None:
        return
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    sent = value.strip().encode("latin-1")  # the bytes of the header
    matches = hmac.compare_digest(sent, token.encode())
    if scheme.lower() != "bearer" or not matches:
        raise UnauthorizedError("Authorization: Bearer with the endpoint's token expected")
