"""The endpoint's routes: POST /score, POST /feedback, GET /model.

A Starlette application that BentoML serves next to its own /healthz, /readyz, /livez and /metrics.
BentoML's API methods are not used: they accept POST only, read a body of any size, and answer a
broken form with 500.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from pydantic import BaseModel
from pydantic_core import from_json
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from infra.access.scopes import Scope
from models.errors import InputError
from serving.access import check_access
from serving.door import Door
from serving.errors import RefusedError, StalledError, TooLargeError
from serving.feedback import take_feedback
from serving.metrics import metrics
from serving.schemas import FeedbackRequest, feedback_of
from serving.streams.routes import stream_routes
from serving.uploads import Upload, drain, read_document, read_upload

log = logging.getLogger(__name__)

Lifespan = Callable[[Starlette], AbstractAsyncContextManager[None]]
LONGEST_DOCUMENT = 16 * 1024  # bytes of JSON


def build_app(lifespan: Lifespan) -> Starlette:
    """The application; its lifespan sets the fields of `app.state` that the routes read."""
    return Starlette(
        routes=[
            Route("/score", _guarded(_score, Scope.SCORE), methods=["POST"]),
            Route("/feedback", _guarded(_feedback, Scope.FEEDBACK), methods=["POST"]),
            Route("/model", _guarded(_model, Scope.SCORE), methods=["GET"]),
            *stream_routes(),
        ],
        exception_handlers={HTTPException: _http_error, Exception: _failed},
        lifespan=lifespan,
    )


async def _score(request: Request) -> BaseModel:
    upload = await read_upload(request, request.app.state.body_limits)
    return await _door(request).score(upload)


async def _feedback(request: Request) -> BaseModel:
    claim, upload = await _read_claim(request)
    return await take_feedback(_door(request), claim, upload)


async def _model(request: Request) -> BaseModel:
    return _door(request).model()


async def _read_claim(request: Request) -> tuple[FeedbackRequest, Upload | None]:
    limits = request.app.state.body_limits
    if request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        upload = await read_upload(request, limits)
        return feedback_of(dict(upload.fields)), upload
    body = await read_document(request, LONGEST_DOCUMENT, limits)
    try:
        document = from_json(body, allow_inf_nan=False)  # refuses deep nesting, unlike json
    except ValueError as error:
        raise InputError("body: a JSON object or multipart/form-data expected") from error
    if not isinstance(document, dict):
        raise InputError("body: a JSON object expected")
    return feedback_of(document), None


def _guarded(
    answer: Callable[[Request], Awaitable[BaseModel]],
    scope: Scope,
) -> Callable[[Request], Awaitable[Response]]:
    """Check the token, answer, and turn each refusal into a status and one sentence."""

    async def endpoint(request: Request) -> Response:
        try:
            await check_access(request, scope)
            with request.app.state.places.taken():
                document = (await answer(request)).model_dump_json()
            return Response(document, media_type="application/json")
        except TooLargeError as error:
            await drain(request)
            return _refusal(error.status, str(error), {"Connection": "close"})
        except StalledError as error:
            return _refusal(error.status, str(error), {"Connection": "close"})
        except RefusedError as error:
            return _refusal(error.status, str(error))
        except InputError as error:
            return _refusal(400, str(error))
        except ClientDisconnect:
            return _refusal(400, "body: the connection ended before it was complete")

    endpoint.__name__ = answer.__name__
    return endpoint


def _door(request: Request) -> Door:
    door: Door = request.app.state.door
    return door


def _refusal(status: int, sentence: str, headers: dict[str, str] | None = None) -> Response:
    metrics().refusals.labels(str(status)).inc()
    challenge = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
    return JSONResponse({"error": sentence}, status, {**challenge, **(headers or {})})


async def _http_error(_: Request, error: Exception) -> Response:
    """Answer an HTTP error such as a wrong method."""
    status: Any = getattr(error, "status_code", 500)
    headers = getattr(error, "headers", None)
    return _refusal(status, str(getattr(error, "detail", error)), dict(headers or {}))


async def _failed(request: Request, error: Exception) -> Response:
    """Answer an internal error: the traceback goes to the log, one sentence to the client."""
    log.error("%s failed", request.url.path, exc_info=error)
    return _refusal(500, "the endpoint failed, its log has the reason")
