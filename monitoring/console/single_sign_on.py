"""Signing in through the identity provider: away to it, and back with its answer."""

from __future__ import annotations

import hmac
import json
from dataclasses import asdict
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from infra import audit
from infra.access.sessions import begin_provided_session
from infra.database import open_database
from monitoring.console.desk import Desk
from monitoring.console.entrance import own_path, set_cookie
from monitoring.console.errors import KNOWN, Refusal
from monitoring.console.identity_provider import Errand, address_at_provider, person_of_answer
from monitoring.console.trouble import trouble

AWAY, BACK = "/sign-in/provider", "/sign-in/back"
ERRAND_S = 600  # to sign in at the provider


def provider_name(desk: Desk) -> str | None:
    """What the button says; None without a provider."""
    issuer = desk.here.oidc_issuer
    return urlsplit(issuer).hostname if issuer else None


def provider_routes(desk: Desk) -> list[BaseRoute]:
    """Both addresses, where a provider is set."""
    if desk.here.oidc_issuer is None:
        return []

    async def away(request: Request) -> Response:
        return await run_in_threadpool(_away, desk, request)

    async def back(request: Request) -> Response:
        return await run_in_threadpool(_back, desk, request)

    return [Route(AWAY, away, methods=["GET"]), Route(BACK, back, methods=["GET"])]


def _away(desk: Desk, request: Request) -> Response:
    errand, to = Errand.new(), own_path(request.query_params.get("to", ""))
    try:
        response = RedirectResponse(
            address_at_provider(desk.here, _address_back(desk), errand), 303
        )
    except KNOWN as error:
        return trouble(desk, request, error)
    response.set_cookie(
        _cookie_name(desk),
        json.dumps({**asdict(errand), "to": to}),
        max_age=ERRAND_S,
        path=BACK,
        httponly=True,
        samesite="lax",
        secure=_address_back(desk).startswith("https:"),
    )
    return response


def _back(desk: Desk, request: Request) -> Response:
    try:
        errand, to = _errand(desk, request)
        engine = open_database(desk.here.database_url)
        answer = f"{_address_back(desk)}?{request.url.query}"
        person = person_of_answer(desk.here, engine, _address_back(desk), answer, errand)
        cookie = begin_provided_session(engine, person, desk.session_lasts)
        document = {"scopes": sorted(person.scopes), "issuer": desk.here.oidc_issuer}
        audit.append(engine, audit.Event.SIGN_IN, person.name, document)
    except KNOWN as error:
        return trouble(desk, request, error)
    response = RedirectResponse(to, 303)
    set_cookie(desk, request, response, cookie)
    response.delete_cookie(_cookie_name(desk), path=BACK)
    return response


def _errand(desk: Desk, request: Request) -> tuple[Errand, str]:
    """What this browser was sent away with, and the page it came from."""
    try:
        carried = json.loads(request.cookies[_cookie_name(desk)])
        errand = Errand(*(str(carried[name]) for name in ("state", "nonce", "verifier")))
        to = own_path(str(carried["to"]))
    except (KeyError, TypeError, ValueError):
        raise Refusal(403, "this browser has begun no sign-in, or it took too long") from None
    state = request.query_params.get("state", "")
    if not hmac.compare_digest(state.encode(), errand.state.encode()):
        raise Refusal(403, "the answer belongs to another sign-in than the one begun here")
    return errand, to


def _address_back(desk: Desk) -> str:
    """Where the provider sends browsers: what is registered there."""
    return (desk.here.console_public_url or desk.here.console_address) + BACK


def _cookie_name(desk: Desk) -> str:
    return f"{desk.cookie_name}_errand"
