"""The pages that describe the API: a start page, /docs, and the documents that programs read.

They need a token where the endpoint has one, unless a setting opens them. A browser sends it as the
password of any user.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from serving.access import check_access
from serving.api.front import ROUTE
from serving.api.guard import refusal
from serving.errors import RefusedError

FILES = Path(__file__).with_name("pages")
ASSETS = {"page.css": "text/css", "docs.js": "text/javascript"}
CHALLENGE = {"WWW-Authenticate": 'Basic realm="antiphon: any name, the token as password"'}
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "img-src 'self' blob: data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
Page = Callable[[Request], Awaitable[Response]]


def page(setting: str) -> Callable[[Page], Page]:
    """A page for everybody where the field of `app.state` says so, else for holders of a token."""

    def guard(answer: Page) -> Page:
        async def endpoint(request: Request) -> Response:
            request.scope[ROUTE] = request.url.path
            if not getattr(request.app.state, setting):
                try:
                    await check_access(request, None, by_password=True)
                except RefusedError as error:
                    headers = CHALLENGE if error.status == 401 else {}
                    return refusal(error.status, str(error), headers)
            return await answer(request)

        return endpoint

    return guard


def page_routes(
    describe: Callable[[], dict[str, Any]], describe_streams: Callable[[], dict[str, Any]]
) -> list[Route]:
    """The routes of the pages about a described API and its streams."""
    described, streams = cache(describe), cache(describe_streams)

    @page("public_docs")
    async def docs(_: Request) -> Response:
        return _html("docs.html.jinja", api=described(), streams=streams())

    return [
        Route("/", _start, methods=["GET"]),
        Route("/docs", docs, methods=["GET"]),
        Route("/openapi.json", _document(described), methods=["GET"]),
        Route("/asyncapi.json", _document(streams), methods=["GET"]),
        *(Route(f"/docs/{name}", _asset(name), methods=["GET"]) for name in ASSETS),
    ]


def _document(described: Callable[[], dict[str, Any]]) -> Page:
    @page("public_docs")
    async def document(_: Request) -> Response:
        return JSONResponse(described())

    return document


async def _start(request: Request) -> Response:
    request.scope[ROUTE] = "/"
    return _html("start.html.jinja", version=version("antiphon"))


def _asset(name: str) -> Page:
    async def asset(request: Request) -> Response:
        request.scope[ROUTE] = request.url.path
        cached = {"Cache-Control": "no-cache"}
        return FileResponse(FILES / name, media_type=ASSETS[name], headers=cached)

    return asset


def _html(template: str, **values: Any) -> Response:
    headers = {"Content-Security-Policy": POLICY}
    return HTMLResponse(_templates().get_template(template).render(**values), headers=headers)


@cache
def _templates() -> Any:
    from jinja2 import Environment, FileSystemLoader

    from serving.api.schema_rows import rows_of, type_of

    environment = Environment(
        loader=FileSystemLoader(FILES), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals.update(rows_of=rows_of, type_of=type_of)
    environment.filters["marked"] = _marked
    environment.policies["json.dumps_kwargs"] = {"sort_keys": False}
    return environment


def _marked(text: str) -> Any:
    """Text whose parts between backticks are code."""
    from markupsafe import Markup, escape

    parts = str(escape(text)).split("`")
    return Markup("".join(f"<code>{p}</code>" if i % 2 else p for i, p in enumerate(parts)))
