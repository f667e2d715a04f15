"""The token check of the endpoint."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable, Collection

from sqlalchemy import Engine
from starlette.requests import Request

from infra.access.scopes import Scope
from infra.access.tokens import LONGEST_TOKEN, PREFIX, holder_of, person_of
from infra.errors import UnreachableError
from serving.errors import NotReadyError, UnauthorizedError

ScopesOf = Callable[[str], Collection[Scope]]


async def check_access(request: Request, scope: Scope) -> None:
    """Raise UnauthorizedError unless the request has the setting's token, or one with the scope.

    Where the setting is empty, the endpoint is open. Compares in constant time. Raises
    NotReadyError where a token would have to be looked up and the database does not answer.
    """
    token: str | None = request.app.state.api_token
    if token is None:
        return
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    sent = value.strip()
    is_bearer = scheme.lower() == "bearer"
    # the bytes of the header
    if is_bearer and hmac.compare_digest(sent.encode("latin-1"), token.encode()):
        return
    if is_bearer and sent.startswith(PREFIX) and len(sent) <= LONGEST_TOKEN:
        scopes = await asyncio.to_thread(request.app.state.scopes_of, sent)
        if scope in scopes or Scope.ADMIN in scopes:
            return
    raise UnauthorizedError(
        f"Authorization: Bearer with the endpoint's token, or one with scope {scope}, expected"
    )


def scopes_in(open_database: Callable[[], Engine]) -> ScopesOf:
    """The scopes of a token that the database holds; none for an unknown, old or revoked one."""

    def scopes_of(token: str) -> Collection[Scope]:
        try:
            row = holder_of(open_database(), token)
        except UnreachableError as error:
            raise NotReadyError("tokens cannot be checked now, the database is away") from error
        return person_of(row).scopes if row is not None else ()

    return scopes_of
