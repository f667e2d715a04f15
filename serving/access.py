"""The token check of the endpoint."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
from collections.abc import Callable, Collection

from sqlalchemy import Engine
from starlette.datastructures import State
from starlette.requests import HTTPConnection

from infra.access.scopes import Scope
from infra.access.tokens import digest_of, holder_of, may_be_token, person_of
from infra.errors import UnreachableError
from serving.errors import NotReadyError, UnauthorizedError

ScopesOf = Callable[[str], Collection[Scope]]


async def check_access(
    request: HTTPConnection, scope: Scope | None, *, by_password: bool = False
) -> str:
    """Raise UnauthorizedError unless the request has the setting's token, or one with the scope.

    Without a scope any valid token will do; `by_password` also takes it as the password of a
    browser. Where the setting is empty, the endpoint is open. Returns what tells callers apart: the
    hash of the token, or the address. Compares in constant time. Raises NotReadyError where a token
    would have to be looked up and the database does not answer.
    """
    state = request.app.state
    if state.api_token is None:
        return request.client.host if request.client else ""
    sent = _sent_token(request.headers.get("authorization", ""), by_password)
    if await opens(state, sent, scope):
        return digest_of(sent)
    kind = f"one with scope {scope}" if scope else "a valid one"
    raise UnauthorizedError(f"Authorization: Bearer with the endpoint's token, or {kind}, expected")


async def opens(state: State, sent: str, scope: Scope | None) -> bool:
    """Whether a token that was sent, in a header or elsewhere, is the setting's or has the scope.

    Any text does where the setting is empty. Raises NotReadyError.
    """
    token: str | None = state.api_token
    # the bytes of the header
    if token is None or hmac.compare_digest(sent.encode("latin-1", "replace"), token.encode()):
        return True
    if not may_be_token(sent):
        return False
    scopes = await asyncio.to_thread(state.scopes_of, sent)
    return scope in scopes or Scope.ADMIN in scopes or (scope is None and bool(scopes))


def _sent_token(header: str, by_password: bool) -> str:
    """The token of an Authorization header; empty where it has none."""
    scheme, _, value = header.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if not by_password or scheme.lower() != "basic":
        return ""
    try:
        decoded = base64.b64decode(value.strip(), validate=True).decode("latin-1")
    except (binascii.Error, ValueError):
        return ""
    return decoded.partition(":")[2]


def scopes_in(open_database: Callable[[], Engine]) -> ScopesOf:
    """The scopes of a token that the database holds; none for an unknown, old or revoked one."""

    def scopes_of(token: str) -> Collection[Scope]:
        try:
            row = holder_of(open_database(), token)
        except UnreachableError as error:
            raise NotReadyError("tokens cannot be checked now, the database is away") from error
        return person_of(row).scopes if row is not None else ()

    return scopes_of
