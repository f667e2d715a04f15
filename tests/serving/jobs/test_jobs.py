"""POST /v1/jobs: recordings and archives that are scored while nobody holds a connection."""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine

from infra.calls import jobs
from infra.webhooks.outbox import recent_messages
from tests.serving.api.test_scoring import refused

Start = Callable[..., Any]
WAIT = {"Prefer": "wait=30"}


def archive(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return stream.getvalue()


def ended(endpoint: Any, job_id: str) -> Any:
    return endpoint.client.get(f"/v1/jobs/{job_id}", headers=WAIT).json()


def test_a_job_answers_at_once_where_its_results_will_be(start: Start, recording: bytes) -> None:
    endpoint = start(alias=2)
    files = [("audio", ("a.wav", recording)), ("audio", ("b.txt", b"no audio" * 99))]
    response = endpoint.client.post("/v1/jobs", files=files, data={"source": "archive"})
    assert response.status_code == 202
    job = response.json()
    assert response.headers["location"] == f"/v1/jobs/{job['job_id']}"
    done = ended(endpoint, job["job_id"])
    assert (done["state"], done["answered"], done["refused"], done["next"]) == ("done", 1, 1, None)
    first, second = done["results"]
    alone = endpoint.client.post("/v1/score", files={"audio": ("a.wav", recording)}).json()
    assert first["answer"]["cm_score"] == alone["cm_score"]
    assert endpoint.door.score_log.find(first["answer"]["request_id"]).source == "archive"
    assert (second["status"], second["answer"]) == (400, None)
    assert "not audio" in second["error"]
    assert endpoint.store.list("jobs/") == []


def test_a_job_that_is_waited_for_has_its_results_in_the_first_answer(
    start: Start, recording: bytes
) -> None:
    endpoint = start()
    files = {"audio": ("a.wav", recording)}
    response = endpoint.client.post("/v1/jobs", files=files, headers=WAIT)
    assert (response.status_code, response.json()["state"]) == (200, "done")


def test_an_archive_has_a_result_for_each_recording_in_it(start: Start, recording: bytes) -> None:
    endpoint = start()
    bomb = b"\0" * (3 * 2**20)  # unpacked it is larger than an upload may be
    content = archive(
        {
            "day 1/../../a.wav": recording,
            "__MACOSX/a.wav": b"x",
            ".hidden": b"x",
            "bomb.wav": bomb,
            "z.txt": b"x" * 2000,
        }
    )
    files = {"audio": ("calls.zip", content)}
    job = endpoint.client.post("/v1/jobs", files=files, headers=WAIT).json()
    results = {item["name"]: item["status"] for item in job["results"]}
    assert results == {"day 1/../../a.wav": 200, "bomb.wav": 400, "z.txt": 400}
    page = endpoint.client.get(f"/v1/jobs/{job['job_id']}?after=1&limit=1").json()
    assert [item["name"] for item in page["results"]] == ["bomb.wav"]
    assert "at most 2 MiB" in page["results"][0]["error"]
    assert page["next"] == 2


def test_a_damaged_archive_fails_with_a_sentence(start: Start, recording: bytes) -> None:
    content = bytearray(archive({"a.wav": recording, "b.wav": recording}))
    content[60:2000] = b"\xff" * 1940
    files = {"audio": ("calls.zip", bytes(content))}
    job = start().client.post("/v1/jobs", files=files, headers=WAIT).json()
    assert job["state"] == "done"
    assert [item["status"] for item in job["results"]] == [400, 200]
    assert "a.wav: cannot be unpacked" in job["results"][0]["error"]


def test_the_same_job_sent_again_is_one_job(start: Start, recording: bytes) -> None:
    client = start().client
    files = {"audio": ("a.wav", recording)}
    key = {"Idempotency-Key": "j1"}
    first, again = (client.post("/v1/jobs", files=files, headers=key) for _ in range(2))
    assert first.json()["job_id"] == again.json()["job_id"]
    assert again.headers["idempotent-replayed"] == "true"
    other = {"audio": ("a.wav", recording[:-2])}
    refused(client.post("/v1/jobs", files=other, headers=key), 409)


def test_a_deleted_job_is_gone_with_its_files(start: Start, recording: bytes) -> None:
    endpoint = start(alias=None)  # nothing is scored yet
    job = endpoint.client.post("/v1/jobs", files={"audio": ("a.wav", recording)}).json()
    assert job["state"] == "waiting"
    assert len(endpoint.store.list("jobs/")) == 1
    path = f"/v1/jobs/{job['job_id']}"
    assert endpoint.client.delete(path).json() == {"job_id": job["job_id"], "deleted": True}
    assert endpoint.store.list("jobs/") == []
    for method in ("GET", "DELETE"):
        assert "no job" in refused(endpoint.client.request(method, path), 404)


def test_the_end_of_a_job_is_sent_to_a_listed_address_alone(start: Start, recording: bytes) -> None:
    endpoint = start()
    files = {"audio": ("a.wav", recording)}
    inside = {"webhook_url": "http://169.254.169.254/latest"}
    assert "webhook_url" in refused(endpoint.client.post("/v1/jobs", files=files, data=inside), 400)
    url = {"webhook_url": "https://fraud.example.org/hooks/7"}
    job = endpoint.client.post("/v1/jobs", files=files, data=url, headers=WAIT).json()
    (message,) = recent_messages(endpoint.door.score_log.engine())
    assert (message.kind, message.url) == ("job.ended", "https://fraud.example.org:443/hooks/7")
    assert f'"job_id":"{job["job_id"]}"' in message.body


def test_a_job_without_files_or_with_a_large_one_is_refused(start: Start) -> None:
    client = start().client
    refused(client.post("/v1/jobs", content=b"x"), 415)
    refused(client.post("/v1/jobs", files={"sound": ("a", b"x")}), 400)
    large = {"audio": ("a.wav", b"\0" * (3 * 2**20))}
    assert "of one recording" in refused(client.post("/v1/jobs", files=large), 400)
    refused(client.post("/v1/jobs", files={"audio": ("a.zip", b"\0" * (5 * 2**20))}), 413)
    refused(client.get("/v1/jobs/x?limit=0"), 400)


@pytest.fixture
def engine(start: Start) -> Engine:
    engine: Engine = start(alias=None).door.score_log.engine()
    return engine


def test_a_job_whose_worker_is_gone_goes_on_with_another_and_the_first_writes_nothing(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs.make_job(engine, "j", "caller", [], {}, None)
    monkeypatch.setattr(jobs, "CLAIM", -jobs.CLAIM)  # runs out at once
    slow, other = jobs.claim_job(engine), jobs.claim_job(engine)
    assert slow is not None
    assert other is not None
    assert (slow.id, other.attempts) == (other.id, 2)
    with pytest.raises(jobs.LostJobError):
        jobs.record_result(engine, slow, 0, 200, "{}")
    jobs.record_result(engine, other, 0, 200, "{}")
    assert jobs.count_results(engine, "j") == (1, 0)


def test_a_job_that_ends_its_workers_is_given_up(start: Start, recording: bytes) -> None:
    endpoint = start(alias=None)
    job = endpoint.client.post("/v1/jobs", files={"audio": ("a.wav", recording)}).json()
    engine = endpoint.door.score_log.engine()
    for _ in range(jobs.ATTEMPTS):
        claimed = jobs.claim_job(engine)
        assert claimed is not None
        with jobs.session(engine) as transaction:
            transaction.get(jobs.JobRow, job["job_id"]).state = "waiting"
    endpoint.registry.alias = 1
    until = time.monotonic() + 20
    while endpoint.door.slot.current is None and time.monotonic() < until:
        time.sleep(0.05)
    answer = ended(endpoint, job["job_id"])
    assert answer["state"] == "failed"
    assert "workers ended 3 times" in answer["error"]
