"""Who may open a stream.

A token comes in the header Authorization, from a browser as the second of the subprotocols
`bearer, TOKEN`, from Genesys in X-API-KEY, from Twilio and Telnyx among the parameters of `start`.
A handshake that Twilio signed needs none; one of Genesys must be signed where its secret is set.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from starlette.websockets import WebSocket

from infra.access.scopes import Scope
from serving.access import opens
from serving.errors import NotReadyError
from serving.streams.signatures import is_from_genesys, is_from_twilio
from serving.streams.stream_errors import TRY_LATER, UNAUTHORIZED, StreamError

SUBPROTOCOLS = ("bearer", "token")


@dataclass(frozen=True)
class StreamSecrets:
    """What handshakes of providers are signed with."""

    twilio: str | None = field(default=None, repr=False)
    audiohook: bytes | None = field(default=None, repr=False)


def subprotocol_of(socket: WebSocket) -> str | None:
    """What the answer to the handshake names: `bearer`, where a token was sent with it."""
    offered = socket.scope.get("subprotocols") or []
    return offered[0] if len(offered) == 2 and offered[0].lower() in SUBPROTOCOLS else None


async def check_entrance(
    socket: WebSocket, dialect: str, secrets: StreamSecrets, token: str | None
) -> None:
    """Raise StreamError unless the client may open a stream. `token`: from a message."""
    _check_page(socket)
    headers, path = socket.headers, socket.url.path
    target = f"{path}?{socket.url.query}" if socket.url.query else path
    if dialect == "audiohook" and secrets.audiohook is not None:
        if not is_from_genesys(headers, target, secrets.audiohook):
            raise StreamError(UNAUTHORIZED, "a fresh signature with the client secret expected")
    elif dialect == "twilio" and secrets.twilio is not None:
        if is_from_twilio(headers, path, secrets.twilio):
            return
        if socket.app.state.api_token is None:
            raise StreamError(UNAUTHORIZED, "X-Twilio-Signature of this address expected")
    try:
        known = await opens(socket.app.state, _sent_token(socket, token), Scope.SCORE)
    except NotReadyError as error:
        raise StreamError(TRY_LATER, str(error)) from error
    if not known:
        raise StreamError(
            UNAUTHORIZED, f"the endpoint's token, or one with scope {Scope.SCORE}, expected"
        )


def _sent_token(socket: WebSocket, token: str | None) -> str:
    scheme, _, value = socket.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    offered = socket.scope.get("subprotocols") or []
    if subprotocol_of(socket) is not None:
        return str(offered[1])
    return token or socket.headers.get("x-api-key", "")


def _check_page(socket: WebSocket) -> None:
    """An endpoint without a token is open to programs, not to any page that a browser shows."""
    origin = socket.headers.get("origin")
    if origin is None or socket.app.state.api_token is not None:
        return
    if urlsplit(origin).netloc != socket.headers.get("host"):
        raise StreamError(UNAUTHORIZED, "a page of this endpoint expected, or a token")
