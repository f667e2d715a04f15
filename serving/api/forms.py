"""Schemas of forms, for the description of operations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

FORM = "multipart/form-data"
BINARY: Mapping[str, Any] = {"type": "string", "format": "binary"}


def form(properties: Mapping[str, Any], required: list[str]) -> dict[str, Any]:
    """The schema of a form; `audio` is its file, or files."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": required,
        "additionalProperties": False,
    }


def fields_of(query: type[BaseModel]) -> dict[str, Any]:
    """The text fields of a form that may also come as query parameters."""
    return {
        name: {"type": "string", "description": field.description or ""}
        for name, field in query.model_fields.items()
    }
