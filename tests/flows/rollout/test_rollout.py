"""Whether the endpoint took a version, asked over real HTTP."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from pydantic import SecretStr

from flows.rollout.rollout import Rollout, RolloutState, silence_of_endpoint, wait_for_endpoint
from infra.settings import Settings


class Endpoint(ThreadingHTTPServer):
    """Answers /model with one document after the other, the last one for ever."""

    def __init__(
        self, *documents: dict[str, Any], address: tuple[str, int] = ("127.0.0.1", 0)
    ) -> None:
        super().__init__(address, Handler)
        self.documents = list(documents)
        self.status = 200
        self.asked: list[tuple[str, str | None]] = []
        self.hosts: list[str | None] = []

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
        self.server.hosts.append(self.headers["Host"])
        documents = self.server.documents
        body = json.dumps(documents.pop(0) if len(documents) > 1 else documents[0]).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Silence."""


@contextmanager
def answering(
    *documents: dict[str, Any], address: tuple[str, int] = ("127.0.0.1", 0)
) -> Iterator[Endpoint]:
    with Endpoint(*documents, address=address) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def replicas(*endpoints: Endpoint, timeout_s: float = 20.0) -> Settings:
    """Settings that name several."""
    addresses = ", ".join(f"http://127.0.0.1:{endpoint.server_port}/" for endpoint in endpoints)
    return Settings(endpoint=addresses, rollout_timeout_s=timeout_s)


@contextmanager
def proxy_of_503() -> Iterator[int]:
    """The port of a proxy whose backends are all down, it says."""
    with answering({"error": "the proxy reaches nobody"}) as proxy:
        proxy.status = 503
        yield proxy.server_port


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
    assert rollout.sentence.endswith("golden.npz: logits differ")


def test_an_earlier_failure_of_another_version_is_no_refusal() -> None:
    with answering({"version": 1, "failed_version": 2}, {"version": 3}) as endpoint:
        assert wait_for_endpoint(3, endpoint.settings()).state is RolloutState.ANSWERS


def test_an_endpoint_that_never_changes_is_given_up_without_calling_it_a_refusal() -> None:
    with answering({"version": 2}) as endpoint:
        rollout = wait_for_endpoint(3, endpoint.settings(timeout_s=0.2))
    assert rollout.state is RolloutState.UNCONFIRMED
    assert rollout.detail.endswith("it answers with version 2")


def test_a_download_that_fails_is_waited_for_and_told() -> None:
    delayed = {"version": 2, "delayed_version": 3, "delay": "S3 cannot be reached"}
    with answering(delayed, delayed, {"version": 3}) as endpoint:
        assert wait_for_endpoint(3, endpoint.settings()).state is RolloutState.ANSWERS
    with answering(delayed) as endpoint:
        rollout = wait_for_endpoint(3, endpoint.settings(timeout_s=0.1))
    assert rollout.state is RolloutState.UNCONFIRMED
    assert "S3 cannot be reached" in rollout.sentence


def test_the_token_of_the_settings_is_shown() -> None:
    with answering({"version": 3}) as endpoint:
        wait_for_endpoint(3, endpoint.settings(token="open sesame"))
    assert endpoint.asked == [("/model", "Bearer open sesame")]


def test_where_there_is_no_endpoint_nothing_is_waited_for() -> None:
    rollout = wait_for_endpoint(3, Settings(endpoint="none"))
    assert rollout.state is RolloutState.ABSENT
    assert "there is no endpoint (ANTIPHON_ENDPOINT=none)" in rollout.sentence


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("http://127.0.0.1:{port}", "Connection refused"),
        ("http://no-such-host.invalid:{port}", "the name does not resolve"),
    ],
)
def test_an_endpoint_that_cannot_be_reached_is_an_outage_and_no_answer(
    address: str, reason: str, free_port: Callable[[], int]
) -> None:
    here = Settings(endpoint=address.format(port=free_port()), rollout_timeout_s=0.1)
    rollout = wait_for_endpoint(3, here)
    assert rollout.state is RolloutState.UNCONFIRMED
    assert reason in rollout.detail
    assert "ANTIPHON_ENDPOINT=none" in rollout.sentence


def test_an_endpoint_that_starts_meanwhile_is_waited_for(free_port: Callable[[], int]) -> None:
    port = free_port()
    late = threading.Timer(0.5, lambda: None)
    results: list[Rollout] = []
    waiting = threading.Thread(
        target=lambda: results.append(wait_for_endpoint(3, Settings(endpoint_port=port)))
    )
    waiting.start()
    late.start()
    late.join()
    with answering({"version": 3}, address=("127.0.0.1", port)):
        waiting.join(timeout=60)
    assert [rollout.state for rollout in results] == [RolloutState.ANSWERS]


def test_every_replica_must_answer_with_the_version() -> None:
    with answering({"version": 3}) as first, answering({"version": 2}) as second:
        here = replicas(first, second, timeout_s=0.2)
        rollout = wait_for_endpoint(3, here)
        assert rollout.state is RolloutState.UNCONFIRMED
        assert rollout.detail == (
            f"http://127.0.0.1:{second.server_port}: it answers with version 2"
        )
        second.documents = [{"version": 2}, {"version": 3}]
        assert wait_for_endpoint(3, replicas(first, second)).state is RolloutState.ANSWERS


def test_one_replica_that_cannot_load_the_version_decides() -> None:
    failed = {"version": 2, "failed_version": 3, "failure": "golden.npz: logits differ"}
    with answering({"version": 3}) as first, answering(failed) as second:
        rollout = wait_for_endpoint(3, replicas(first, second))
    assert rollout.state is RolloutState.REFUSED
    assert "golden.npz" in rollout.detail


def test_each_address_of_a_name_is_a_replica(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering({"version": 3}) as first:
        place = ("127.0.0.2", first.server_port)
        try:
            second = Endpoint({"version": 2}, address=place)
        except OSError:
            pytest.skip("needs a second loopback address")
        second.server_close()
        resolve = socket.getaddrinfo

        def both(host: str, *arguments: Any, **named: Any) -> Any:  # as a headless service has
            hosts = ("127.0.0.1", "127.0.0.2") if host == "endpoint.test" else (host,)
            return [entry for name in hosts for entry in resolve(name, *arguments, **named)]

        monkeypatch.setattr(socket, "getaddrinfo", both)
        here = Settings(endpoint=f"http://endpoint.test:{first.server_port}", rollout_timeout_s=0.1)
        with answering({"version": 2}, address=place):
            rollout = wait_for_endpoint(3, here)
        assert rollout.state is RolloutState.UNCONFIRMED
        assert rollout.detail == f"http://127.0.0.2:{place[1]}: it answers with version 2"
        with answering({"version": 3}, address=place) as second:
            assert wait_for_endpoint(3, here).state is RolloutState.ANSWERS
        assert second.hosts == [f"endpoint.test:{place[1]}"]


def test_a_name_of_which_one_family_answers_is_reached(free_port: Callable[[], int]) -> None:
    port = free_port()
    with answering({"version": 3}, address=("127.0.0.1", port)):
        here = Settings(endpoint=f"http://localhost:{port}")  # ::1, too, on many machines
        assert wait_for_endpoint(3, here).state is RolloutState.ANSWERS


@pytest.mark.parametrize("alive", [True, False], ids=["answers 503", "is down"])
def test_a_proxy_of_the_environment_is_not_the_endpoint(
    alive: bool, free_port: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    with proxy_of_503() as place:
        address = f"http://127.0.0.1:{place if alive else free_port()}"
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, address)
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        with answering({"version": 3}) as endpoint:
            assert wait_for_endpoint(3, endpoint.settings()).state is RolloutState.ANSWERS


@pytest.mark.parametrize("document", [{"version": None}, {}], ids=["no champion", "nothing"])
def test_an_endpoint_without_a_version_has_not_taken_it(document: dict[str, Any]) -> None:
    with answering(document) as endpoint:
        rollout = wait_for_endpoint(1, endpoint.settings(timeout_s=0.1))
    assert rollout.state is RolloutState.UNCONFIRMED


@pytest.mark.parametrize(
    "status,body,sentence",
    [
        (502, b"<html>bad gateway</html>", "502"),
        (503, b"<html>a proxy's page</html>", "Expecting value"),
        (401, b'{"error": "a token expected"}', "401"),
        (200, b"<html>another page</html>", "Expecting value"),
        (200, b"[]", "a JSON object expected"),
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
        here = endpoint.settings(timeout_s=0.1)
        rollout = wait_for_endpoint(1, here)
        assert sentence in silence_of_endpoint(here)
    assert rollout.state is RolloutState.UNCONFIRMED
    assert "GET /model: " in rollout.detail and sentence in rollout.detail


def test_an_endpoint_that_waits_for_its_first_version_is_there() -> None:
    with answering({"version": 1}) as endpoint:
        endpoint.status = 503
        endpoint.documents = [{"error": "no champion is loaded yet"}]
        assert silence_of_endpoint(endpoint.settings()) == ""
