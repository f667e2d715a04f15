"""Who may use the endpoint: whoever has the token, where one is set."""

from __future__ import annotations

import hmac

from starlette.requests import Request

from serving.errors import UnauthorizedError


def check_token(request: Request, token: str | None) -> None:
    """Raise UnauthorizedError unless the request carries the token, compared in constant time."""
    if token is None:
        return
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    sent = given.strip().encode("latin-1")  # the bytes as they came
    matches = hmac.compare_digest(sent, token.encode())
    if scheme.lower() != "bearer" or not matches:
        raise UnauthorizedError("Authorization: Bearer with the endpoint's token expected")
