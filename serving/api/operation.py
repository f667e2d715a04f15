"""One operation of the API: what answers it, and all that its description says."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ConfigDict
from starlette.requests import Request
from starlette.responses import Response

from infra.access.scopes import Scope

Handler = Callable[[Request], Awaitable[BaseModel | Response]]

WHEN = {
    400: "The request cannot be used; the sentence names what is wrong and what was expected.",
    401: "No token, a wrong one, or one without the scope.",
    404: "There is nothing of this name.",
    405: "Another method.",
    408: "The body did not arrive in time.",
    409: "It contradicts an earlier request.",
    413: "The body is larger than allowed.",
    415: "The body is of another media type.",
    429: "Too many requests, of this token or at once; Retry-After says when to try again.",
    500: "An internal error; the log of the endpoint has the reason.",
    503: "Something that the answer needs is away; try again later.",
}
ALWAYS = (401, 429, 500)
WITH_BODY = (400, 408, 413)


class ErrorAnswer(BaseModel):
    """What every refusal says."""

    model_config = ConfigDict(frozen=True)

    error: str  # one sentence


@dataclass(frozen=True)
class Body:
    """What a request may hold: media type -> schema, and an example of each for curl."""

    content: Mapping[str, Mapping[str, Any]]
    curl: str  # its options


@dataclass(frozen=True)
class Operation:
    """One method of one path."""

    method: str
    path: str
    name: str  # of the function in a generated client
    handler: Handler
    scope: Scope | None  # None: any token
    summary: str
    answer: type[BaseModel]
    example: Mapping[str, Any]  # of the answer
    text: str = ""
    query: type[BaseModel] | None = None
    body: Body | None = None
    headers: Mapping[str, str] = field(default_factory=dict)  # of the request -> what it does
    refusals: tuple[int, ...] = ()  # beside ALWAYS and WITH_BODY
    status: int = 200
    location: bool = False  # whether the answer names the place of what was made
    old: bool = False  # a path of before there were versions
    takes_place: bool = True  # of the bounded number of requests at once; False: it only waits
    media: Mapping[str, str] = field(default_factory=dict)  # other media types of the answer

    @property
    def statuses(self) -> tuple[int, ...]:
        """Every status of a refusal."""
        body = WITH_BODY if self.body else ()
        return tuple(sorted({*ALWAYS, *body, *self.refusals}))
