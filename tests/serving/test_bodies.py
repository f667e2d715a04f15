"""A body that is too deep, too large, too slow or never ends costs its sender the answer."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.serving.test_http import refused

Start = Callable[..., Any]
FORM = {"content-type": "multipart/form-data; boundary=x"}
PART = b'--x\r\ncontent-disposition: form-data; name="audio"; filename="a.wav"\r\n\r\n'


def connect(endpoint: Any) -> socket.socket:
    url = endpoint.client.base_url
    return socket.create_connection((url.host, url.port), timeout=30)


def begin(endpoint: Any, path: str, length: int, body: bytes) -> socket.socket:
    """A request that promises `length` bytes and sends less."""
    connection = connect(endpoint)
    kind = "application/json" if path == "/feedback" else "multipart/form-data; boundary=x"
    head = f"POST {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: {kind}"
    head += f"\r\nContent-Length: {length}"
    connection.sendall(f"{head}\r\n\r\n".encode() + body)
    return connection


def answer(connection: socket.socket) -> str:
    """All that comes until the endpoint ends the connection."""
    with connection:
        parts = []
        while part := connection.recv(65_536):
            parts.append(part)
    return b"".join(parts).decode()


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 8_000,
        b'{"request_id":' * 1_000 + b"1" + b"}" * 1_000,
        b'{"request_id": ' + b"9" * 10_000 + b"}",
        b'{"request_id": "x", "label": NaN}',
        b'{"request_id": "\xff\xfe", "label": "spoof"}',
        b'{"request_id": "x", "label": "spoof", "comment": ' + b"[" * 100 + b"]" * 100 + b"}",
        json.dumps({"request_id": "x", "label": "spoof", "comment": "x" * 2_000}).encode(),
    ],
    ids=["brackets", "objects", "number", "nan", "not UTF-8", "nested field", "long field"],
)  # fmt: skip
def test_json_that_no_claim_is_gets_one_sentence(start: Start, body: bytes) -> None:
    client = start().client
    json_type = {"content-type": "application/json"}
    refused(client.post("/feedback", content=body, headers=json_type), 400)


def test_the_deep_document_of_the_collected_cases_gets_one_sentence(
    start: Start, shared: Path
) -> None:
    case = shared / "cases" / "deep.json"
    if not case.is_file():
        pytest.skip("needs cases/deep.json")
    refused(start().client.post("/feedback", content=case.read_bytes()), 400)


@pytest.mark.parametrize("path", ["/score", "/feedback"])
def test_a_form_of_too_many_or_too_long_parts_gets_one_sentence(start: Start, path: str) -> None:
    client = start().client
    field = b'--x\r\ncontent-disposition: form-data; name="a%d"\r\n\r\nb\r\n'
    bodies = [
        b"".join(field % number for number in range(100)) + b"--x--\r\n",
        b"--x\r\n" + b"header: value\r\n" * 100_000,
        b"--x\r\nheader: " + b"v" * 1_000_000 + b"\r\n",
        b'--x\r\ncontent-disposition: form-data; name="a"\r\n\r\n' + b"v" * 1_000_000,
        b'--x\r\ncontent-disposition: form-data; name="' + b"n" * 1_000_000,
    ]
    for body in bodies:
        refused(client.post(path, content=body, headers=FORM), 400)


@pytest.mark.parametrize("path", ["/score", "/feedback"])
@pytest.mark.parametrize("sends", [False, True])
def test_an_upload_that_stalls_is_given_up(start: Start, path: str, sends: bool) -> None:
    endpoint = start(idle_s=0.2)
    beginning = {"/score": PART + b"RIFF", "/feedback": b"{"}[path] if sends else b""
    text = answer(begin(endpoint, path, 10_000, beginning))
    assert text.startswith("HTTP/1.1 408 ")
    assert "a part of it every 0.2 s expected, it has stalled" in text


def test_an_upload_that_only_trickles_is_given_up(start: Start) -> None:
    endpoint = start(idle_s=10.0, total_s=1.0)
    connection = begin(endpoint, "/score", 1_000_000, PART)
    connection.settimeout(0.05)
    received = b""
    deadline = time.monotonic() + 30
    while not received and time.monotonic() < deadline:
        connection.sendall(b"\0")
        try:
            received = connection.recv(65_536)
        except TimeoutError:
            continue
    connection.close()
    assert b" 408 " in received


def test_the_places_of_stalled_uploads_become_free(start: Start, recording: bytes) -> None:
    endpoint = start(idle_s=1.0)
    stalled = [begin(endpoint, "/score", 10_000, PART) for _ in range(64)]
    for connection in stalled:
        assert answer(connection).startswith("HTTP/1.1 408 ")
    assert endpoint.score(recording).status_code == 200


def test_a_slow_upload_that_goes_on_is_answered(start: Start, recording: bytes) -> None:
    endpoint = start(idle_s=5.0)
    body = PART + recording + b"\r\n--x--\r\n"
    connection = begin(endpoint, "/score", len(body), b"")
    for begins in range(0, len(body), len(body) // 5):
        connection.sendall(body[begins : begins + len(body) // 5])
        time.sleep(0.1)
    assert answer(connection).startswith("HTTP/1.1 200 ")
