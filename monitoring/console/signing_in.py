"""Signing in with a token, or by the identity provider, and out."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from infra import audit
from infra.access.sessions import begin_session, end_session
from infra.access.tokens import holder_of
from infra.database import open_database
from monitoring.console.desk import Desk
from monitoring.console.entrance import (
    needs_no_token,
    own_path,
    require_csrf,
    require_own_page,
    set_cookie,
)
from monitoring.console.errors import KNOWN, Refusal
from monitoring.console.rendering import render
from monitoring.console.single_sign_on import provider_name, provider_routes
from monitoring.console.trouble import trouble

SIGN_IN, SIGN_OUT = "/sign-in", "/sign-out"
Act = Callable[[Desk, Request, FormData], Response]


def sign_in_routes(desk: Desk) -> list[BaseRoute]:
    """The addresses where nobody is signed in yet."""

    async def form(request: Request) -> Response:
        return await run_in_threadpool(_ask, desk, request)

    async def sign_in(request: Request) -> Response:
        return await _answer(desk, request, _sign_in)

    async def sign_out(request: Request) -> Response:
        return await _answer(desk, request, _sign_out)

    return [
        Route(SIGN_IN, form, methods=["GET"]),
        Route(SIGN_IN, sign_in, methods=["POST"]),
        Route(SIGN_OUT, sign_out, methods=["POST"]),
        *provider_routes(desk),
    ]


def to_sign_in(request: Request) -> Response:
    """Send somebody to the form and, for a page, back here afterwards."""
    if "hx-request" in request.headers:
        return Response(headers={"HX-Redirect": SIGN_IN})
    target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    back = f"?to={quote(target, safe='')}" if request.method == "GET" and target != "/" else ""
    return RedirectResponse(SIGN_IN + back, 303)


async def _answer(desk: Desk, request: Request, act: Act) -> Response:
    try:
        require_own_page(request.headers)
        async with request.form(max_files=0, max_fields=4, max_part_size=4_096) as form:
            return await run_in_threadpool(act, desk, request, form)
    except HTTPException as error:
        return trouble(desk, request, Refusal(error.status_code, str(error.detail)))
    except KNOWN as error:
        return trouble(desk, request, error)


def _ask(desk: Desk, request: Request) -> Response:
    try:
        if needs_no_token(desk, open_database(desk.here.database_url)):
            return RedirectResponse(own_path(request.query_params.get("to", "")), 303)
    except KNOWN as error:
        return trouble(desk, request, error)
    return _form(desk, request.query_params.get("to", ""))


def _form(desk: Desk, to: str, complaint: str = "", status: int = 200) -> Response:
    provider = provider_name(desk)
    page = render("sign_in", to=own_path(to), complaint=complaint, provider=provider)
    return HTMLResponse(page, status)


def _sign_in(desk: Desk, request: Request, form: FormData) -> Response:
    token, to = str(form.get("token", "")).strip(), str(form.get("to", ""))
    engine = open_database(desk.here.database_url)
    row = holder_of(engine, token)
    if row is None:
        return _form(desk, to, "No such token, or it was revoked or has expired.", 401)
    cookie = begin_session(engine, row, desk.session_lasts)
    audit.append(engine, audit.Event.SIGN_IN, row.name, {"scopes": sorted(row.scopes)})
    response = RedirectResponse(own_path(to), 303)
    set_cookie(desk, request, response, cookie)
    return response


def _sign_out(desk: Desk, request: Request, form: FormData) -> Response:
    cookie = request.cookies.get(desk.cookie_name)
    if cookie:
        require_csrf(request.headers, form, cookie)
        end_session(open_database(desk.here.database_url), cookie)
    response = RedirectResponse(SIGN_IN, 303)
    response.delete_cookie(desk.cookie_name)
    return response
