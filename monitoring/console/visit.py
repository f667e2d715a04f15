"""One request of a person, and how it is answered."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from infra.access.scopes import Person
from infra.database import open_database
from monitoring.console.errors import Refusal
from monitoring.console.rendering import render

if TYPE_CHECKING:
    from monitoring.console.desk import Desk


@dataclass(frozen=True)
class Visit:
    """A request with who makes it; `form` is empty for GET."""

    desk: Desk
    request: Request
    person: Person
    cookie: str
    form: FormData = field(default_factory=FormData)

    @property
    def engine(self) -> Engine:
        """antiphon's database; raises UnreachableError."""
        return open_database(self.desk.here.database_url)

    @cached_property
    def csrf(self) -> str:
        """What a form of this session must bring back."""
        return csrf_of(self.cookie)

    @property
    def is_fragment(self) -> bool:
        """Whether htmx asks for a part of a page."""
        return "hx-request" in self.request.headers

    @property
    def actor(self) -> str:
        """The name for the audit log."""
        return self.person.name

    def text(self, name: str, longest: int = 2_000) -> str:
        """A field of the form, trimmed; empty where it is absent. Raises Refusal if too long."""
        value = self.form.get(name, "")
        if isinstance(value, UploadFile) or len(value) > longest:
            raise Refusal(400, f"{name}: a text of at most {longest} letters expected")
        return value.strip()

    def number(self, name: str) -> int:
        """A whole number of the form or of the address; raises Refusal."""
        value = str(self.request.path_params.get(name, self.form.get(name, "")))
        if not value.isdecimal() or not value.isascii() or len(value) > 18:
            raise Refusal(400, f"{name}: a whole number expected, found {value[:40]!r}")
        return int(value)

    def page(self, template: str, status: int = 200, **values: Any) -> Response:
        """A page or fragment from templates/TEMPLATE; every value is escaped."""
        pages = [p for p in self.desk.pages if self.person.may(p.scope)]
        text = render(
            template,
            visit=self,
            pages=pages,
            notice=self.desk.notices.pop(self.cookie, None),
            **values,
        )
        return HTMLResponse(text, status)

    def back_to(self, path: str, notice: str) -> Response:
        """After an action: a page of the console, with a sentence on what was done."""
        self.desk.notices[self.cookie] = notice
        if self.is_fragment:
            return Response(headers={"HX-Redirect": path})
        return RedirectResponse(path, 303)


def csrf_of(cookie: str) -> str:
    """The token of a session's forms: whoever cannot read the cookie cannot know it."""
    return hmac.new(cookie.encode(), b"csrf", hashlib.sha256).hexdigest()
