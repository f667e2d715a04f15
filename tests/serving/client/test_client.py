"""The Python client against a running endpoint, sync and async."""

from __future__ import annotations

import ast
import asyncio
import io
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from infra.field_samples import list_samples
from serving.client import AsyncClient, Client, EndpointError, UnreachableEndpointError
from serving.client.calls import Retries

SOURCES = Path(__file__).parents[3] / "serving" / "client"
ONCE = Retries(attempts=1)
Start = Callable[..., Any]


def url_of(endpoint: Any) -> str:
    return str(endpoint.client.base_url)


def archive(recording: bytes, count: int) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        for number in range(count):
            file.writestr(f"{number}.flac", recording)
    return stream.getvalue()


@pytest.fixture
def spoken(shared: Path) -> bytes:
    """Real speech, of 2 s and more."""
    files = sorted((shared / "corpus" / "bonafide").rglob("*.flac"))
    return next(path for path in files if path.stat().st_size > 60_000).read_bytes()


def test_every_operation_has_a_method(start: Start, spoken: bytes, tmp_path: Path) -> None:
    endpoint = start(alias=2, token="let-me-in")
    file = tmp_path / "call.flac"
    file.write_bytes(spoken)
    (tmp_path / "calls.zip").write_bytes(archive(spoken, 3))
    with Client(url_of(endpoint), "let-me-in") as client:
        score = client.score(file, source="hotline")
        assert (score.verdict, score.model_version) == ("bonafide", 2)
        looked_up = client.request(score.request_id)
        assert (looked_up.source, looked_up.cm_score) == ("hotline", score.cm_score)
        batch = client.score_batch([file, b"none"])
        assert [item.status for item in batch.results] == [200, 400]
        assert batch.results[0].answer is not None
        assert batch.results[1].answer is None
        job = client.leave_job([tmp_path / "calls.zip"])
        assert [item.name for item in client.job_results(job.job_id)] == [
            "0.flac",
            "1.flac",
            "2.flac",
        ]
        assert client.job(job.job_id).ended
        client.delete_job(job.job_id)
        with pytest.raises(EndpointError, match="404: job_id: no job"):
            client.job(job.job_id)
        feedback = client.feedback(score.request_id, "spoof", audio=file, category="test")
        assert feedback.audio_kept
        assert client.model().version == 2


def test_the_async_client_is_the_same(start: Start, spoken: bytes) -> None:
    endpoint = start(alias=2)

    async def calls() -> None:
        async with AsyncClient(url_of(endpoint)) as client:
            score = await client.score(spoken)
            assert (await client.request(score.request_id)).cm_score == score.cm_score
            assert (await client.score_batch([spoken])).answered == 1
            job = await client.leave_job([spoken], wait_s=20)
            assert [item.status async for item in client.job_results(job.job_id)] == [200]
            await client.delete_job(job.job_id)
            assert (await client.feedback(score.request_id, "spoof")).label == "spoof"
            assert (await client.model()).version == 2

    asyncio.run(calls())


class LosesAnswers(httpx.HTTPTransport):
    """A network that brings the first requests to the endpoint and loses the answers."""

    lost = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = super().handle_request(request)
        if self.lost < 2:
            self.lost += 1
            answer.read()
            raise httpx.ReadError("the connection was lost", request=request)
        return answer


def test_a_request_whose_answer_was_lost_is_sent_again_and_has_one_effect(
    start: Start, recording: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serving.client.calls.FIRST_WAIT_S", 0.01)
    endpoint = start()
    request_id = endpoint.score(recording).json()["request_id"]
    with Client(url_of(endpoint), transport=LosesAnswers()) as client:
        client.feedback(request_id, "spoof")
    assert len(list_samples(endpoint.door.score_log.engine())) == 1
    with (
        Client(url_of(endpoint), transport=LosesAnswers(), retries=ONCE) as client,
        pytest.raises(UnreachableEndpointError, match="the connection was lost"),
    ):
        client.model()


def test_a_refusal_is_its_status_and_its_sentence(start: Start) -> None:
    endpoint = start(places=0)
    with Client(url_of(endpoint), retries=ONCE) as client, pytest.raises(EndpointError) as refusal:
        client.model()
    assert refusal.value.status == 429
    assert "requests at once" in refusal.value.sentence


def test_the_wait_is_what_the_endpoint_names_else_it_doubles() -> None:
    retries = Retries(attempts=4, longest_wait_s=20.0)
    named = httpx.Response(429, headers={"Retry-After": "7"})
    assert retries.wait_s(1, named) == 7.0
    assert retries.wait_s(1, httpx.Response(503, headers={"Retry-After": "900"})) == 20.0
    waits = [retries.wait_s(attempt, None) for attempt in (1, 2, 3)]
    for wait, longest in zip(waits, (0.5, 1.0, 2.0), strict=True):
        assert wait is not None
        assert longest / 2 <= wait <= longest
    assert retries.wait_s(4, None) is None
    assert retries.wait_s(1, httpx.Response(400)) is None


def test_the_client_needs_httpx_and_websockets_alone() -> None:
    imported = set()
    for path in SOURCES.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                imported.add(str(node.module).partition(".")[0])
    assert imported - set(sys.stdlib_module_names) == {"httpx", "websockets"}
