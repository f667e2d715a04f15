"""The application: every route is made here, with its checks; every answer has its headers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from infra.access.scopes import Scope
from infra.database import open_database
from monitoring.console.desk import Desk
from monitoring.console.entrance import require_csrf, require_own_page, set_cookie, signed_in
from monitoring.console.errors import KNOWN, Refusal
from monitoring.console.headers import SecureHeaders
from monitoring.console.metrics_view import metrics_route
from monitoring.console.page import Action, Answer, View
from monitoring.console.rendering import STATIC
from monitoring.console.signing_in import sign_in_routes, to_sign_in
from monitoring.console.trouble import trouble
from monitoring.console.visit import Visit

LARGEST_FIELD = 64 * 1024  # bytes of a field that is no file
Endpoint = Callable[[Request], Awaitable[Response]]


def make_console(desk: Desk) -> SecureHeaders:
    """The console as an ASGI application."""
    routes: list[BaseRoute] = [
        Route("/healthz", _healthz),
        metrics_route(desk),
        Mount("/static", StaticFiles(directory=STATIC)),
        *sign_in_routes(desk),
    ]
    for page in desk.pages:
        routes += [_view(desk, view) for view in page.views]
        routes += [_action(desk, action) for action in page.actions]
    handlers = {HTTPException: _not_here(desk)}
    app = Starlette(routes=routes, exception_handlers=handlers, lifespan=_lifespan(desk))
    return SecureHeaders(app)


def _lifespan(desk: Desk) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        for end in desk.at_end:
            await run_in_threadpool(end)

    return lifespan


async def _healthz(_: Request) -> Response:
    return PlainTextResponse("ok")


def _view(desk: Desk, view: View) -> Route:
    async def answer(request: Request) -> Response:
        return await run_in_threadpool(_serve, desk, request, view.answer, view.scope)

    return Route(view.path, answer, methods=["GET"])


def _action(desk: Desk, action: Action) -> Route:
    async def answer(request: Request) -> Response:
        try:
            require_own_page(request.headers)
            _require_bounded(request, desk.here.max_upload_bytes)
            async with request.form(max_files=1, max_part_size=LARGEST_FIELD) as form:
                return await run_in_threadpool(
                    _serve, desk, request, action.answer, action.scope, form
                )
        except HTTPException as error:
            return trouble(desk, request, Refusal(error.status_code, str(error.detail)))
        except Refusal as error:
            return trouble(desk, request, error)

    return Route(action.path, answer, methods=["POST"])


def _require_bounded(request: Request, most: int) -> None:
    length = request.headers.get("content-length", "")
    if not length.isdecimal():
        raise Refusal(400, "a request with a Content-Length expected")
    if int(length) > most + LARGEST_FIELD:
        raise Refusal(413, f"an upload of at most {most} bytes expected, found {length}")


def _serve(
    desk: Desk,
    request: Request,
    answer: Answer,
    scope: Scope | None,
    form: FormData | None = None,
) -> Response:
    """Let somebody in, check what they may do, and answer; what is known to go wrong is told."""
    try:
        entered = signed_in(desk, open_database(desk.here.database_url), request)
        if entered is None:
            return to_sign_in(request)
        person, cookie = entered
        if form is not None:
            require_csrf(request.headers, form, cookie)
        visit = Visit(desk, request, person, cookie, form or FormData())
        if not person.may(scope):
            raise Refusal(403, f"{person.name} has no scope {scope}")
        response = answer(visit)
    except KNOWN as error:
        return trouble(desk, request, error)
    if request.cookies.get(desk.cookie_name) != cookie:
        set_cookie(desk, request, response, cookie)
    return response


def _not_here(desk: Desk) -> Callable[[Request, Exception], Response]:
    def answer(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 404
        return trouble(desk, request, Refusal(status, f"{request.url.path}: no such page"))

    return answer
