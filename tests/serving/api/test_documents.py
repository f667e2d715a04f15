"""The description of the API says what the endpoint does, and who may read it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from openapi_spec_validator import validate
from pydantic import TypeAdapter
from starlette.routing import Route, WebSocketRoute

from serving.api.asyncapi import asyncapi
from serving.api.openapi import openapi
from serving.api.operations import OPERATIONS
from serving.routes import build_app

Start = Callable[..., Any]


def test_the_document_is_openapi_3_1_and_names_every_route() -> None:
    document = openapi(OPERATIONS)
    validate(document)
    assert document["openapi"] == "3.1.0"
    described = {
        (path, method.upper()) for path, methods in document["paths"].items() for method in methods
    }
    routes: Any = build_app(lambda _: None).routes  # type: ignore[arg-type, return-value]
    answered = {
        (r.path, m) for r in routes if isinstance(r, Route) for m in r.methods or () if m != "HEAD"
    }
    pages = {"/", "/docs", "/docs/page.css", "/docs/docs.js", "/metrics"}
    pages |= {"/openapi.json", "/asyncapi.json"}
    assert {(path, method) for path, method in answered if path not in pages} == described


def test_the_document_of_the_streams_names_every_socket_and_defines_what_it_refers_to() -> None:
    document = asyncapi()
    routes = build_app(lambda _: None).routes  # type: ignore[arg-type, return-value]
    sockets = {route.path for route in routes if isinstance(route, WebSocketRoute)}
    assert {channel["address"] for channel in document["channels"].values()} == sockets
    references = re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(document))
    assert len(references) > 20
    for reference in references:
        place: Any = document
        for part in reference.split("/"):
            place = place[part]
    assert {"Begin", "Verdict", "Summary", "Error"} < set(document["components"]["messages"])


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda o: o.name)
def test_an_example_is_an_answer(operation: Any) -> None:
    answer = TypeAdapter(operation.answer).validate_python(operation.example)
    assert set(operation.example) == set(type(answer).model_fields)


def test_an_answer_holds_what_its_description_says(start: Start, recording: bytes) -> None:
    endpoint = start()
    document = endpoint.client.get("/openapi.json").json()
    schemas = document["components"]["schemas"]
    answer = endpoint.client.post("/v1/score", files={"audio": ("a.wav", recording)}).json()
    assert set(answer) == set(schemas["SpeechAnswer"]["properties"])
    assert set(endpoint.client.get("/v1/model").json()) == set(schemas["ModelAnswer"]["properties"])


def test_an_endpoint_with_a_token_shows_its_pages_to_holders_of_one(start: Start) -> None:
    endpoint = start(token="let-me-in")
    client = endpoint.client
    for path in ("/docs", "/openapi.json", "/asyncapi.json", "/metrics"):
        refusal = client.get(path)
        assert refusal.status_code == 401
        assert refusal.headers["www-authenticate"].startswith("Basic ")
        assert client.get(path, auth=("anybody", "let-me-in")).status_code == 200
        assert client.get(path, auth=("anybody", "wrong")).status_code == 401
        bearer = {"Authorization": "Bearer let-me-in"}
        assert client.get(path, headers=bearer).status_code == 200
    # a browser sends passwords by itself, with requests of other sites too
    assert client.get("/v1/model", auth=("anybody", "let-me-in")).status_code == 401
    endpoint.app.state.public_docs = endpoint.app.state.public_metrics = True
    for path in ("/docs", "/openapi.json", "/metrics"):
        assert client.get(path).status_code == 200


def test_every_answer_says_what_a_browser_may_do_with_it(start: Start) -> None:
    client = start().client
    for path in ("/", "/docs", "/openapi.json", "/v1/model", "/nothing", "/v1/score"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff", path
        assert headers["x-frame-options"] == "DENY", path
        assert headers["content-security-policy"].startswith("default-src 'none'"), path
        assert headers["cache-control"] == "no-store", path


def test_requests_are_counted_by_route_and_not_by_path(start: Start) -> None:
    client = start().client
    for number in range(3):
        client.get(f"/v1/requests/{number}")
        client.get(f"/made-up/{number}")
    exposed = client.get("/metrics").text
    assert 'endpoint="/v1/requests/{request_id}",http_response_code="404"' in exposed
    assert 'endpoint="other",http_response_code="404"' in exposed
    assert "made-up" not in exposed
