"""JSON schemas as the page of the API shows them: rows of names, types and words."""

from __future__ import annotations

from typing import Any

REF = "$ref"


def rows_of(schema: dict[str, Any], api: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Name, type and description of each field of an object; a star marks what is required."""
    schema = _resolved(schema, api)
    needed = schema.get("required", [])
    return [
        (f"{name}{'*' if name in needed else ''}", type_of(field, api), _text_of(field, api))
        for name, field in schema.get("properties", {}).items()
    ]


def type_of(schema: dict[str, Any], api: dict[str, Any]) -> str:
    """A schema in a few words, such as `number or null`."""
    if "anyOf" in schema:
        return " or ".join(type_of(choice, api) for choice in schema["anyOf"])
    schema = _resolved(schema, api)
    if "enum" in schema:
        return " | ".join(str(value) for value in schema["enum"])
    if "const" in schema:
        return str(schema["const"])
    kind = schema.get("type", "any")
    if kind == "array":
        return f"list of {type_of(schema.get('items', {}), api)}"
    if kind == "object" and "title" in schema:
        return str(schema["title"])
    form = {"binary": "file", "date-time": "time"}.get(schema.get("format", ""))
    return form or str(kind)


def _text_of(schema: dict[str, Any], api: dict[str, Any]) -> str:
    limits = {"minimum": "≥ ", "exclusiveMinimum": "> ", "maximum": "≤ ", "maxLength": "length ≤ "}
    choices = [schema, *schema.get("anyOf", [])]
    bounds = [f"{sign}{c[name]}" for c in choices for name, sign in limits.items() if name in c]
    text = schema.get("description") or ""
    if REF in schema and not text:
        text = _resolved(schema, api).get("description", "")
    return " ".join(filter(None, [text, f"({', '.join(bounds)})" if bounds else ""]))


def _resolved(schema: dict[str, Any], api: dict[str, Any]) -> dict[str, Any]:
    if REF not in schema:
        return schema
    named: dict[str, Any] = api["components"]["schemas"][schema[REF].rpartition("/")[2]]
    return named
