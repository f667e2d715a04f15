"""What every operation passes: the token, the rate, a place, and refusals in one sentence."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from pydantic import BaseModel
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from models.errors import InputError
from serving.access import check_access
from serving.api.front import ROUTE
from serving.api.operation import Operation
from serving.errors import RefusedError, StalledError, TooLargeError
from serving.metrics import metrics
from serving.uploads import drain

LEFT = 499  # the client went before its answer; nginx's number, for logs and metrics
Answered = TypeVar("Answered")


def guarded(operation: Operation) -> Callable[[Request], Awaitable[Response]]:
    """Check the token and the rate, answer, and turn each refusal into a status and a sentence."""

    async def endpoint(request: Request) -> Response:
        request.scope[ROUTE] = operation.path
        try:
            return await _answer(operation, request)
        except TooLargeError as error:
            await drain(request)
            return refusal(error.status, str(error), {"Connection": "close"})
        except StalledError as error:
            return refusal(error.status, str(error), {"Connection": "close"})
        except RefusedError as error:
            retry = {} if error.retry_s is None else {"Retry-After": str(error.retry_s)}
            return refusal(error.status, str(error), retry)
        except InputError as error:
            return refusal(400, str(error))
        except ClientDisconnect:
            return refusal(LEFT, "body: the connection ended before it was complete")

    endpoint.__name__ = operation.name
    return endpoint


async def _answer(operation: Operation, request: Request) -> Response:
    caller = await check_access(request, operation.scope)
    request.app.state.rates.count(caller)
    request.state.caller = caller
    places = request.app.state.places
    with places.taken() if operation.takes_place else contextlib.nullcontext():
        answer = await operation.handler(request)
    return answer if isinstance(answer, Response) else document(answer, operation.status)


def document(
    answer: BaseModel, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """An answer as JSON."""
    return Response(answer.model_dump_json(), status, headers, media_type="application/json")


def refusal(status: int, sentence: str, headers: dict[str, str] | None = None) -> Response:
    """A refusal as JSON; it is counted."""
    metrics().refusals.labels(str(status)).inc()
    challenge = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
    return JSONResponse({"error": sentence}, status, {**challenge, **(headers or {})})


async def while_connected(request: Request, work: Coroutine[Any, Any, Answered]) -> Answered:
    """The result of work for a client whose body was read.

    Raises ClientDisconnect, and cancels the work, if the client goes first.
    """
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientDisconnect
        return working.result()
    finally:
        for task in (working, leaving):
            task.cancel()


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        continue
