"""POST /v1/score and /v1/score/batch: forms, raw bodies, and files that fail alone."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from serving.metrics import Metrics
from tests.serving.conftest import wav

Start = Callable[..., Any]


def refused(response: Any, status: int) -> str:
    """The sentence of a refusal."""
    assert response.status_code == status, response.text
    assert list(response.json()) == ["error"]
    sentence: str = response.json()["error"]
    assert "\n" not in sentence
    return sentence


def test_a_form_and_a_raw_body_have_the_same_answer(start: Start, recording: bytes) -> None:
    endpoint = start(alias=2)
    client = endpoint.client
    form = client.post("/v1/score", files={"audio": ("a.wav", recording)}, data={"source": "line"})
    raw = client.post(
        "/v1/score?source=line", content=recording, headers={"Content-Type": "audio/wav"}
    )
    answers = [response.json() for response in (form, raw)]
    ids = [answer.pop("request_id") for answer in answers]
    assert answers[0] == answers[1]
    old = endpoint.score(recording, source="line").json()
    for request_id in (*ids, old["request_id"]):
        row = endpoint.door.score_log.find(request_id)
        assert (row.source, row.cm_score) == ("line", old["cm_score"])


def test_linear_samples_of_a_telephone_are_heard_as_their_wav_file_is(
    start: Start, speech: NDArray[np.float32]
) -> None:
    client = start().client
    samples = (speech * 32767).astype(">i2")
    kind = {"Content-Type": "audio/L16; rate=16000; channels=1"}
    raw = client.post("/v1/score", content=samples.tobytes(), headers=kind).json()
    file = wav(samples.astype(np.float32) / 32768)
    form = client.post("/v1/score", files={"audio": ("a.wav", file)}).json()
    assert raw["duration_s"] == form["duration_s"] == 2.0
    (timeline,), (expected,) = (
        [channel["timeline"] for channel in answer["channels"]] for answer in (raw, form)
    )
    scores = [window["cm_score"] for window in timeline]
    assert scores == pytest.approx([window["cm_score"] for window in expected], abs=1e-4)


@pytest.mark.parametrize(
    "kind", ["audio/L16", "audio/L16; rate=1", "audio/L16; rate=x", "text/plain", ""]
)
def test_a_body_of_another_kind_is_refused(start: Start, kind: str) -> None:
    response = start().client.post("/v1/score", content=b"\0\0", headers={"Content-Type": kind})
    assert "Content-Type" in refused(response, 415)


def test_what_is_said_of_a_recording_is_said_once_and_known(start: Start, recording: bytes) -> None:
    client = start().client
    files = {"audio": ("a.wav", recording)}
    kinds = [
        client.post("/v1/score?source=a&source=b", files=files),
        client.post("/v1/score?source=a", files=files, data={"source": "b"}),
        client.post("/v1/score?sauce=a", files=files),
        client.post("/v1/score", files=files, data={"speaker_id": "a\0b"}),
        client.post("/v1/score?source=" + "x" * 2000, files=files),
    ]
    sentences = [refused(response, 400) for response in kinds]
    assert "given twice" in sentences[0]
    assert "query and form" in sentences[1]
    assert "known: channel, start, end" in sentences[2]
    assert "control characters" in sentences[3]


def test_a_file_that_is_refused_fails_alone(start: Start, recording: bytes) -> None:
    endpoint = start()
    files = [
        ("audio", ("good.wav", recording)),
        ("audio", ("none.txt", b"no recording" * 99)),
        ("audio", ("again.wav", recording)),
    ]
    answer = endpoint.client.post("/v1/score/batch", files=files, data={"source": "archive"}).json()
    assert (answer["answered"], answer["refused"]) == (2, 1)
    names = [(item["name"], item["status"]) for item in answer["results"]]
    assert names == [("good.wav", 200), ("none.txt", 400), ("again.wav", 200)]
    assert "none.txt: not audio" in answer["results"][1]["error"]
    first, _, last = (item["answer"] for item in answer["results"])
    assert first["cm_score"] == last["cm_score"]
    assert endpoint.door.score_log.find(last["request_id"]).source == "archive"


def test_a_batch_without_files_or_with_too_many_is_refused(start: Start) -> None:
    client = start().client
    refused(client.post("/v1/score/batch", data={"source": "x"}), 415)
    refused(client.post("/v1/score/batch", files={"sound": ("a", b"x")}), 400)
    refused(client.post("/v1/score/batch", files=[("audio", ("a", b"x"))] * 65), 400)


def test_the_work_of_a_client_that_left_is_dropped(
    start: Start, speech: NDArray[np.float32], counted: Metrics
) -> None:
    endpoint = start()
    gone = counted.refusals.labels("499")
    before, scored = gone._value.get(), counted.windows._value.get()
    body = wav(np.tile(speech, 30))  # 60 s: more windows than run before the client is gone
    host, port = endpoint.client.base_url.host, endpoint.client.base_url.port
    with socket.create_connection((host, port)) as connection:
        head = "POST /v1/score HTTP/1.1\r\nHost: a\r\nContent-Type: audio/wav\r\n"
        connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    deadline = time.monotonic() + 20
    while gone._value.get() == before and time.monotonic() < deadline:
        time.sleep(0.02)
    assert gone._value.get() == before + 1
    assert counted.windows._value.get() == scored
    assert endpoint.score(wav(speech)).status_code == 200


def test_an_answer_can_be_looked_up(start: Start, recording: bytes) -> None:
    endpoint = start(alias=2, keeps=True)
    answer = endpoint.score(recording, source="x").json()
    kept = endpoint.client.get(f"/v1/requests/{answer['request_id']}").json()
    assert answer.items() <= kept.items()
    assert (kept["audio_kept"], kept["source"], kept["judgement"]) == (True, "x", None)
    assert len(kept["window_scores"]["cm_scores"]) == answer["windows"]
    files = {"audio": ("a.wav", recording)}
    judged = endpoint.client.post("/v1/score?policy=default", files=files).json()
    kept = endpoint.client.get(f"/v1/requests/{judged['request_id']}").json()
    assert kept["judgement"]["verdict"] == judged["verdict"]
    assert "no answered request never" in refused(endpoint.client.get("/v1/requests/never"), 404)


def test_a_policy_a_channel_and_a_part_can_be_asked_for(
    start: Start, speech: NDArray[np.float32]
) -> None:
    client = start().client
    files = {"audio": ("a.wav", wav(np.stack([speech, speech[::-1]], axis=1)))}
    path = "/v1/score?channel=each&start=0.5&end=1.5"
    answer = client.post(path, files=files).json()
    assert [channel["channel"] for channel in answer["channels"]] == ["0", "1"]
    assert (answer["duration_s"], answer["policy"]) == (1.0, "default")
    for query in ("policy=none-such", "channel=9", "start=2&end=1", "start=nan", "channel=x"):
        refused(client.post(f"/v1/score?{query}", files=files), 400)
