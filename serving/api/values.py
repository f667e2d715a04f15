"""Query parameters and documents of clients as typed values, or a sentence that names the fault."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ValidationError
from starlette.requests import Request

from models.errors import InputError

Values = TypeVar("Values", bound=BaseModel)


def _plain(text: str) -> str:
    """Text that every database stores and every page shows."""
    if any(ord(letter) < 32 and letter not in "\t\n\r" for letter in text):
        raise ValueError("text without control characters expected")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError("text in Unicode expected, found half a character") from error
    return text


PlainText = Annotated[str, AfterValidator(_plain)]


def checked(model: type[Values], values: Mapping[str, Any]) -> Values:
    """The values as a model. Raises InputError that names the first wrong field."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"]) or "body"
        if first["type"] == "extra_forbidden":
            known = ", ".join(model.model_fields)
            raise InputError(f"{shown(name)}: no field of this name; known: {known}") from error
        sentence = first["msg"].removeprefix("Value error, ")
        raise InputError(f"{shown(name)}: {sentence[:1].lower()}{sentence[1:]}") from error


def query_values(request: Request) -> dict[str, str]:
    """The query parameters; raises InputError where one is given twice."""
    values: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name in values:
            raise InputError(f"{shown(name)}: one value expected, it is given twice")
        values[name] = value
    return values


def given_values(request: Request, fields: Mapping[str, str]) -> dict[str, str]:
    """Query parameters and fields of a form together; InputError where both have one."""
    values = query_values(request)
    for name, value in fields.items():
        if name in values:
            raise InputError(f"{shown(name)}: one value expected, query and form both have one")
        values[name] = value
    return values


def shown(name: str) -> str:
    """A name from outside, as far as a sentence shows it."""
    kept = name[:40]
    return kept if kept.isprintable() else ascii(kept)
