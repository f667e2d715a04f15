"""A client of the endpoint's API, sync and async; it needs httpx and websockets alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .async_client import AsyncClient
    from .errors import ClientError, EndpointError, UnreachableEndpointError
    from .sync_client import Client

__all__ = ["AsyncClient", "Client", "ClientError", "EndpointError", "UnreachableEndpointError"]


def __getattr__(name: str) -> Any:
    """Import on first use: whoever needs one of the two clients does not load the other."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import async_client, errors, sync_client

    for module in (async_client, errors, sync_client):
        if hasattr(module, name):
            return getattr(module, name)
    raise AttributeError(name)
