"""The OpenAPI 3.1 description of the endpoint, made from the table of operations."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from serving.api.operation import WHEN, ErrorAnswer, Operation
from serving.api.schemas import Claim

TITLE = "antiphon"
SCHEMAS = "#/components/schemas/"
ABOUT = (
    "Scores recordings of speech: is a voice bona fide, or synthetic, converted or replayed? "
    "A `cm_score` is higher the more a recording is bona fide. Every refusal is a JSON object "
    "with one sentence, `error`. Retry a 429 or a 503 after `Retry-After` seconds."
)


def openapi(operations: Sequence[Operation]) -> dict[str, Any]:
    """The document; its version is that of the package."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _described(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": TITLE,
            "version": version("antiphon"),
            "description": ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": _schemas(operations),
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The endpoint's token, or one of `antiphon token create`.",
                }
            },
        },
    }


def _described(operation: Operation) -> dict[str, Any]:
    scopes = [operation.scope.value] if operation.scope else []
    description: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "description": operation.text,
        "security": [{"token": scopes}, {}],  # {}: an endpoint without ANTIPHON_API_TOKEN is open
        "parameters": [*_path(operation), *_query(operation), *_headers(operation)],
        "responses": {str(operation.status): _answer(operation), **_refusals(operation)},
    }
    if operation.old:
        description["deprecated"] = True
    description["x-curl"] = _curl(operation)
    if operation.body:
        content = {kind: {"schema": dict(s)} for kind, s in operation.body.content.items()}
        description["requestBody"] = {"required": True, "content": content}
    return description


def _curl(operation: Operation) -> str:
    method = "" if operation.method == "GET" or operation.body else f"-X {operation.method} "
    options = f" {operation.body.curl}" if operation.body else ""
    return f'curl {method}-H "Authorization: Bearer $TOKEN"{options} "$ENDPOINT{operation.path}"'


def _path(operation: Operation) -> list[dict[str, Any]]:
    names = [part[1:-1] for part in operation.path.split("/") if part.startswith("{")]
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in names
    ]


def _query(operation: Operation) -> list[dict[str, Any]]:
    if operation.query is None:
        return []
    schema = operation.query.model_json_schema(ref_template=SCHEMAS + "{model}")
    needed = schema.get("required", [])
    return [
        {
            "name": name,
            "in": "query",
            "required": name in needed,
            "description": values.pop("description", ""),
            "schema": _without_null(values),
        }
        for name, values in schema["properties"].items()
    ]


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A query parameter is absent or a value, never null."""
    choices = [choice for choice in schema.get("anyOf", []) if choice != {"type": "null"}]
    schema = {name: value for name, value in schema.items() if name not in ("title", "default")}
    if len(choices) == 1:
        schema.pop("anyOf")
        schema = {**choices[0], **schema}
    return schema


def _headers(operation: Operation) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "header",
            "required": False,
            "description": text,
            "schema": {"type": "string"},
        }
        for name, text in operation.headers.items()
    ]


def _answer(operation: Operation) -> dict[str, Any]:
    schema = {"$ref": SCHEMAS + operation.answer.__name__}
    content = {"application/json": {"schema": schema, "example": dict(operation.example)}}
    for media_type in operation.media:
        content[media_type] = {"schema": {"type": "string", "format": "binary"}}
    answer: dict[str, Any] = {"description": operation.summary, "content": content}
    if operation.location:
        place = {"description": "Where it is.", "schema": {"type": "string"}}
        answer["headers"] = {"Location": place}
    return answer


def _refusals(operation: Operation) -> dict[str, Any]:
    schema = {"$ref": SCHEMAS + ErrorAnswer.__name__}
    return {
        str(status): {
            "description": WHEN[status],
            "content": {"application/json": {"schema": schema}},
        }
        for status in operation.statuses
    }


def _schemas(operations: Sequence[Operation]) -> dict[str, Any]:
    answers: set[type[BaseModel]] = {operation.answer for operation in operations}
    written = [(answer, "serialization") for answer in sorted(answers, key=lambda m: m.__name__)]
    read = [(Claim, "validation")]
    _, schemas = models_json_schema(
        [*written, (ErrorAnswer, "serialization"), *read],  # type: ignore[list-item]  # its Literal
        ref_template=SCHEMAS + "{model}",
    )
    return dict(schemas["$defs"])
