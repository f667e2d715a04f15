"""The token check of the endpoint."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable, Collection

from sqlalchemy import Engine
from starlette.datastructures import State
from starlette.requests import Request

from infra.access.scopes import Scope
from infra.access.tokens import PREFIX, holder_of, person_of
from infra.errors import UnreachableError
from serving.errors import NotReadyError, UnauthorizedError

LONGEST_TOKEN = 500
ScopesOf = Callable[[str], Collection[Scope]]


async def check_access(request: Request, scope: Scope) -> None:
    """Raise UnauthorizedError unless the request has the setting's token, or one with the scope.

    Where the setting is empty, the endpoint is open. Compares in constant time. Raises
    NotReadyError where a token would have to be looked up and the database does not answer.
    """
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    sent = value.strip() if scheme.lower() == "bearer" else ""
    if not await opens(request.app.state, sent, scope):
        raise UnauthorizedError(
            f"Authorization: Bearer with the endpoint's token, or one with scope {scope}, expected"
        )


async def opens(state: State, sent: str, scope: Scope) -> bool:
    """Whether a token that was sent, in a header or elsewhere, is the setting's or has the scope.

    Any text does where the setting is empty. Raises NotReadyError.
    """
    token: str | None = state.api_token
    # the bytes of the header
    if token is None or hmac.compare_digest(sent.encode("latin-1", "replace"), token.encode()):
        return True
    if not sent.startswith(PREFIX) or len(sent) > LONGEST_TOKEN:
        return False
    scopes = await asyncio.to_thread(state.scopes_of, sent)
    return scope in scopes or Scope.ADMIN in scopes


def scopes_in(open_database: Callable[[], Engine]) -> ScopesOf:
    """The scopes of a token that the database holds; none for an unknown, old or revoked one."""

    def scopes_of(token: str) -> Collection[Scope]:
        try:
            row = holder_of(open_database(), token)
        except UnreachableError as error:
            raise NotReadyError("tokens cannot be checked now, the database is away") from error
        return person_of(row).scopes if row is not None else ()

    return scopes_of
