"""Whether the endpoint took a version, asked over real HTTP."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from pydantic import SecretStr

from flows.rollout.rollout import RolloutState, wait_for_endpoint
from infra.settings import Settings


class Endpoint(ThreadingHTTPServer):
    """Answers /model with one document after the other, the last one for ever."""

    def __init__(self, *documents: dict[str, Any]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.documents = list(documents)
        self.asked: list[tuple[str, str | None]] = []

    def settings(self, timeout_s: float = 20.0, token: str | None = None) -> Settings:
        """Settings that name this endpoint."""
        return Settings(
            endpoint_port=self.server_port,
            rollout_timeout_s=timeout_s,
            api_token=SecretStr(token) if token else None,
        )


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Endpoint

    def do_GET(self) -> None:
        """The next document."""
        self.server.asked.append((self.path, self.headers["Authorization"]))
        documents = self.server.documents
        body = json.dumps(documents.pop(0) if len(documents) > 1 else documents[0]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Silence."""


@contextmanager
def answering(*documents: dict[str, Any]) -> Iterator[Endpoint]:
    with Endpoint(*documents) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def test_an_endpoint_that_answers_with_the_version_has_taken_it() -> None:
    with answering({"version": 3}) as endpoint:
        rollout = wait_for_endpoint(3, endpoint.settings())
    assert rollout.state is RolloutState.ANSWERS
    assert rollout.sentence == "the endpoint answers with version 3"
    assert endpoint.asked == [("/model", None)]


def test_an_endpoint_that_still_loads_is_waited_for() -> None:
    with answering({"version": 2}, {"version": 2}, {"version": 3}) as endpoint:
        assert wait_for_endpoint(3, endpoint.settings()).state is RolloutState.ANSWERS
    assert len(endpoint.asked) == 3


def test_an_endpoint_that_cannot_load_the_version_says_why() -> None:
    failed = {"version": 2, "failed_version": 3, "failure": "golden.npz: logits differ"}
    with answering({"version": 2}, failed) as endpoint:
        rollout = wait_for_endpoint(3, endpoint.settings())
    assert rollout.state is RolloutState.REFUSED
    assert rollout.sentence.endswith("did not take version 3: golden.npz: logits differ")


def test_an_earlier_failure_of_another_version_is_no_refusal() -> None:
    with answering({"version": 1, "failed_version": 2}, {"version": 3}) as endpoint:
        assert wait_for_endpoint(3, endpoint.settings()).state is RolloutState.ANSWERS


def test_an_endpoint_that_never_changes_is_given_up() -> None:
    began = time.monotonic()
    with answering({"version": 2}) as endpoint:
        rollout = wait_for_endpoint(3, endpoint.settings(timeout_s=0.2))
    assert rollout.state is RolloutState.REFUSED
    assert rollout.detail == "it still answers with version 2"
    assert time.monotonic() - began < 10


def test_the_token_of_the_settings_is_shown() -> None:
    with answering({"version": 3}) as endpoint:
        wait_for_endpoint(3, endpoint.settings(token="open sesame"))
    assert endpoint.asked == [("/model", "Bearer open sesame")]


def test_where_no_endpoint_runs_nothing_is_waited_for() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    rollout = wait_for_endpoint(3, Settings(endpoint_port=port))
    assert rollout.state is RolloutState.ABSENT
    assert f"no endpoint answers at http://127.0.0.1:{port}" in rollout.sentence


@pytest.mark.parametrize("document", [{"version": None}, {}], ids=["no champion", "nothing"])
def test_an_endpoint_without_a_version_has_not_taken_it(document: dict[str, Any]) -> None:
    with answering(document) as endpoint:
        rollout = wait_for_endpoint(1, endpoint.settings(timeout_s=0.1))
    assert rollout.state is RolloutState.REFUSED


@pytest.mark.parametrize(
    "status,body,sentence",
    [
        (502, b"<html>bad gateway</html>", "502"),
        (401, b'{"error": "a token expected"}', "401"),
        (200, b"<html>another page</html>", "Expecting value"),
    ],
)
def test_an_endpoint_that_answers_otherwise_has_not_taken_it(
    status: int, body: bytes, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def otherwise(handler: Handler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    monkeypatch.setattr(Handler, "do_GET", otherwise)
    with answering({}) as endpoint:
        rollout = wait_for_endpoint(1, endpoint.settings(timeout_s=0.1))
    assert rollout.state is RolloutState.REFUSED
    assert rollout.detail.startswith("GET /model: ") and sentence in rollout.detail
