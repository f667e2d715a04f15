"""Who comes in: the session behind a cookie, and what a request must show to change something."""

from __future__ import annotations

import hmac
from urllib.parse import urlsplit

from sqlalchemy import Engine
from starlette.datastructures import FormData, Headers
from starlette.requests import Request
from starlette.responses import Response

from infra.access.scopes import Person, Scope
from infra.access.sessions import begin_machine_session, person_behind
from infra.access.tokens import any_token
from monitoring.console.desk import LOOPBACK, Desk
from monitoring.console.errors import Refusal
from monitoring.console.visit import csrf_of


def needs_no_token(desk: Desk, engine: Engine) -> bool:
    """Whether the person at this machine comes in freely: no token was made, no provider is set."""
    return desk.is_local and desk.here.oidc_issuer is None and not any_token(engine)


def signed_in(desk: Desk, engine: Engine, request: Request) -> tuple[Person, str] | None:
    """The person and the cookie; None where somebody must sign in first.

    Raises Refusal where a page of another site reaches a console without tokens by a name of its
    own (DNS rebinding).
    """
    free = needs_no_token(desk, engine)
    if free and _name(request.headers.get("host", "")) not in LOOPBACK:
        raise Refusal(
            403, f"the console answers on this machine only: open {desk.here.console_address}"
        )
    cookie = request.cookies.get(desk.cookie_name)
    somebody = person_behind(engine, cookie) if cookie else None
    if cookie and somebody is not None and (free or not somebody.is_at_machine):
        return somebody.person, cookie
    if not free:
        return None
    cookie = begin_machine_session(engine, desk.local_person, desk.session_lasts)
    return Person(desk.local_person, frozenset({Scope.ADMIN})), cookie


def require_own_page(headers: Headers) -> None:
    """Raise Refusal unless a page of this console sent the request; browsers say so themselves."""
    origin = headers.get("origin")
    if origin is None or origin == "null":
        if headers.get("sec-fetch-site") != "same-origin":
            raise Refusal(403, "the request does not say that a page of the console sent it")
    elif urlsplit(origin).netloc != headers.get("host"):
        raise Refusal(403, f"a page of {origin[:100]} cannot act here")


def require_csrf(headers: Headers, form: FormData, cookie: str) -> None:
    """Raise Refusal unless the form, or htmx in its header, brings the token of the session."""
    value = headers.get("x-csrf-token") or form.get("csrf", "")
    if not isinstance(value, str) or not hmac.compare_digest(
        value.encode(errors="replace"), csrf_of(cookie).encode()
    ):
        raise Refusal(403, "the form is of an earlier session")


def set_cookie(desk: Desk, request: Request, response: Response, cookie: str) -> None:
    """For this console alone: no script reads it, no other site sends it along."""
    response.set_cookie(
        desk.cookie_name,
        cookie,
        max_age=int(desk.session_lasts.total_seconds()),
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )


def own_path(to: str) -> str:
    """A path of the console; another site is not gone to."""
    is_own = to.startswith("/") and not to.startswith("//") and "\\" not in to
    return to if is_own and to.isprintable() else "/"


def _name(host: str) -> str:
    return urlsplit(f"//{host}").hostname or ""
