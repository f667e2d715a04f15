"""The endpoint as it is run: `bentoml serve`, a registry of its own, real speech."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from infra import registry, tracking
from infra.database import open_database, reading
from infra.settings import Settings
from infra.tables import ScoredRequest
from tests.serving.served import Served, place_of_its_own, running

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, migrated_mlflow: Path) -> Iterator[Settings]:
    """Settings of a state folder that only this module uses."""
    with place_of_its_own(tmp_path_factory.mktemp("served"), migrated_mlflow, workers=2) as place:
        yield place


@pytest.fixture(scope="module")
def served(place: Settings) -> Iterator[Served]:
    with running(place, "log.txt") as served:
        yield served


@pytest.fixture(scope="module")
def registered(place: Settings, versions: dict[int, Path]) -> list[int]:
    """The numbers of two registered versions, that score 1 and 2 higher than silence."""
    assert place.state_dir.name == "state"
    numbers = []
    for name in (1, 2):
        run = tracking.open_run(f"run-{name}", "a detector", {})
        numbers.append(registry.register(versions[name], run, {}).version)
        tracking.close_run(run)
    assert numbers == [1, 2]
    return numbers


@pytest.fixture(scope="module")
def speech_file(shared: Path) -> bytes:
    return next(iter(sorted((shared / "corpus").rglob("*.flac")))).read_bytes()


def test_the_endpoint_from_its_start_to_its_end(
    served: Served, registered: list[int], speech_file: bytes
) -> None:
    client = served.client

    def score() -> httpx.Response:
        return client.post("/score", files={"audio": ("a.flac", speech_file)})

    served.wait_for("/healthz", lambda response: response.status_code == 200)
    assert client.get("/readyz").status_code == 503
    assert "no champion is loaded yet" in score().json()["error"]

    registry.set_champion(registered[0], expected=None)
    served.wait_for("/readyz", lambda response: response.status_code == 200)
    both_serve(served, 1)
    answers = [score().json()]
    assert answers[0]["model_version"] == 1
    claim = {"request_id": answers[0]["request_id"], "label": "spoof"}
    assert client.post("/feedback", json=claim).json()["audio_kept"] is True

    answers += moved_under_load(served, score)
    assert {answer["model_version"] for answer in answers} == {1, 2}
    offsets = {round(answer["cm_score"] - answer["model_version"], 3) for answer in answers}
    assert len(offsets) == 1, "each answer was scored by the version it names"

    both_serve(served, 1)
    exposed = client.get("/metrics").text
    assert "antiphon_registry_reachable 1.0" in exposed
    assert 'antiphon_answers_total{model_version="2",verdict="bonafide"}' in exposed
    assert 'endpoint="/score",http_response_code="200"' in exposed

    assert ends_by_itself(served)
    with reading(open_database(served.settings.database_url)) as transaction:
        rows = {row.request_id: row for row in transaction.query(ScoredRequest)}
    assert rows.keys() == {answer["request_id"] for answer in answers}

    started_again_it_answers_from_the_first_connection(served.settings, speech_file)


def started_again_it_answers_from_the_first_connection(place: Settings, speech: bytes) -> None:
    """Both workers bring the champion before they take connections."""
    with running(place, "second.txt") as again:
        again.wait_for("/healthz", lambda response: response.status_code == 200)
        for _ in range(8):
            close = {"Connection": "close"}
            answer = again.client.post("/score", files={"audio": speech}, headers=close)
            assert answer.status_code == 200, answer.text


def moved_under_load(served: Served, score: Callable[[], httpx.Response]) -> list[Any]:
    """Answers of four clients while the alias moves twice, by cycle and by hand."""
    stop = time.monotonic() + 60
    moved = False

    def send() -> list[Any]:
        answers = []
        while not moved and time.monotonic() < stop:
            response = score()
            assert response.status_code == 200, response.text
            answers.append(response.json())
        return answers

    with ThreadPoolExecutor(4) as clients:
        sending = [clients.submit(send) for _ in range(4)]
        registry.set_champion(2, expected=1)
        both_serve(served, 2)
        registry.rollback()
        both_serve(served, 1)
        moved = True
        return [answer for future in sending for answer in future.result()]


def both_serve(served: Served, version: int) -> None:
    """Wait until the lower version of the two workers is it, and new connections meet no other."""
    lower = f"antiphon_champion_version {version}.0\n"
    served.wait_for("/metrics", lambda response: lower in response.text)
    close = {"Connection": "close"}
    deadline = time.monotonic() + 30
    met = {0}
    while met != {version} and time.monotonic() < deadline:
        answers = [served.client.get("/model", headers=close).json() for _ in range(8)]
        met = {answer["version"] for answer in answers}
    assert met == {version}


def ends_by_itself(served: Served) -> bool:
    served.process.terminate()
    return served.process.wait(timeout=30) is not None


def test_stalled_uploads_make_it_unready_and_give_their_places_back(
    place: Settings,
    registered: list[int],
    speech_file: bytes,
    free_port: Callable[[], int],
) -> None:
    if registry.champion() is None:
        registry.set_champion(registered[0], expected=None)
    port = free_port()
    changes = {"endpoint_port": port, "endpoint_workers": 1, "upload_idle_s": 15.0}
    with running(place.model_copy(update=changes), "stalled.txt") as served:
        served.wait_for("/readyz", lambda response: response.status_code == 200)
        stalled = [_stalled_upload(port) for _ in range(64)]  # as many as there are places
        response = served.wait_for("/readyz", lambda response: response.status_code == 503)
        assert "every place has been taken" in response.text
        refused = served.client.post("/score", files={"audio": ("a.flac", speech_file)})
        assert refused.status_code == 429
        assert {connection.recv(12) for connection in stalled} == {b"HTTP/1.1 408"}
        served.wait_for("/readyz", lambda response: response.status_code == 200)
        answer = served.client.post("/score", files={"audio": ("a.flac", speech_file)})
        assert answer.status_code == 200
        for connection in stalled:
            connection.close()


def _stalled_upload(port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=60)
    head = "POST /score HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=x\r\n"
    connection.sendall(f"{head}Content-Length: 100000\r\n\r\n--x\r\n".encode())
    return connection
