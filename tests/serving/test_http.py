"""What a client may rely on: answers, refusals, and the rows behind them."""

from __future__ import annotations

import io
import math
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from infra.access.scopes import Scope
from infra.access.tokens import create_token, revoke_token
from infra.database import open_database
from infra.field_samples import SampleState, list_samples
from models.audio.windows import cut_windows
from models.packaging.runtime import ExportedDetector
from serving.metrics import Metrics
from tests.serving.conftest import wav
from tests.tolerances import rounding

MAX_UPLOAD = 2 * 2**20  # of the endpoint in conftest.py
TOKEN = {"Authorization": "Bearer let-me-in"}


Start = Callable[..., Any]


def refused(response: Any, status: int) -> str:
    """The sentence of a refusal."""
    assert response.status_code == status, response.text
    assert list(response.json()) == ["error"]
    sentence: str = response.json()["error"]
    assert "Traceback" not in sentence
    assert "\n" not in sentence
    return sentence


def test_an_answer_says_what_was_scored_how_and_by_which_version(
    start: Start, recording: bytes, speech: NDArray[np.float32]
) -> None:
    endpoint = start(alias=2)
    answer = endpoint.score(recording).json()
    window = endpoint.door.champion().manifest.window
    expected = 2 + float(np.square(cut_windows(speech, window), dtype=np.float64).mean())
    rel = rounding(window.samples)
    assert list(answer) == [
        "request_id",
        "cm_score",
        "spoof_probability",
        "verdict",
        "threshold",
        "model_version",
        "duration_s",
        "windows",
    ]
    assert answer["cm_score"] == pytest.approx(expected, rel=rel)
    probability = 1 / (1 + math.exp(expected))
    assert answer["spoof_probability"] == pytest.approx(probability, rel=rel * expected)
    assert (answer["verdict"], answer["threshold"]) == ("bonafide", 0.5)
    assert (answer["model_version"], answer["duration_s"], answer["windows"]) == (2, 2.0, 7)


def test_the_row_of_an_answer_says_what_the_answer_said(start: Start, recording: bytes) -> None:
    endpoint = start()
    answer = endpoint.score(recording, source="call-centre", speaker_id="s7").json()
    row = endpoint.door.score_log.find(answer["request_id"])
    assert row is not None
    assert {name: getattr(row, name) for name in answer} == answer
    assert (row.source, row.speaker_id, row.audio_key) == ("call-centre", "s7", None)
    assert len(row.embedding_sketch) == 16
    assert row.window_scores is not None
    assert row.window_scores["starts_s"] == [0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5]
    mean = sum(row.window_scores["cm_scores"]) / answer["windows"]
    assert mean == pytest.approx(answer["cm_score"], abs=1e-4)  # as many digits are kept
    assert row.features["duration_s"] == pytest.approx(2.0)


def test_the_endpoint_hears_what_every_other_scorer_hears(
    start: Start, recording: bytes, versions: dict[int, Path]
) -> None:
    endpoint = start(alias=4)
    assert endpoint.client.get("/model").json()["window"]["spectral_subtraction"] == 4.0
    waveform, _ = soundfile.read(io.BytesIO(recording), dtype="float32")
    plain, cleaned = (ExportedDetector.open(versions[n]).score(waveform).cm_score for n in (3, 4))
    assert endpoint.score(recording).json()["cm_score"] == cleaned
    assert cleaned < plain + 1.0 - 1e-5  # noise is gone from a score that is a power


def test_a_short_recording_is_scored_at_its_own_length_where_its_detector_says_so(
    start: Start, speech: NDArray[np.float32], versions: dict[int, Path]
) -> None:
    endpoint = start(alias=6)
    assert endpoint.client.get("/model").json()["window"]["short"] == "own"
    recording = wav(speech[:19_200])
    answer = endpoint.score(recording).json()
    waveform, _ = soundfile.read(io.BytesIO(recording), dtype="float32")
    assert answer["windows"] == 1
    assert answer["cm_score"] == ExportedDetector.open(versions[6]).score(waveform).cm_score
    expected = 6 + float(np.square(waveform, dtype=np.float64).mean())
    assert answer["cm_score"] == pytest.approx(expected, rel=rounding(19_200))


def test_the_model_is_named(start: Start) -> None:
    answer = start(alias=3).client.get("/model").json()
    assert (answer["version"], answer["detector"], answer["threshold"]) == (3, "aasist", 0.5)
    assert answer["window"] == {
        "samples": 8000,
        "hop": 4000,
        "aggregate": "mean",
        "spectral_subtraction": 0.0,
        "spectral_floor": 0.02,
        "short": "tile",
    }
    assert len(answer["manifest_sha256"]) == 64


def test_a_version_that_cannot_be_fetched_now_is_delayed_and_not_failed(
    start: Start, tmp_path: Path
) -> None:
    endpoint = start(alias=1)
    endpoint.registry.folders[2] = tmp_path / "not mounted"
    endpoint.registry.alias = 2
    until = time.monotonic() + 20
    answer: dict[str, Any] = {}
    while not answer.get("delayed_version") and time.monotonic() < until:
        answer = endpoint.client.get("/model").json()
    assert (answer["version"], answer["delayed_version"], answer["failed_version"]) == (1, 2, None)
    assert "not mounted" in answer["delay"]


def test_without_a_champion_the_answer_is_not_now(start: Start, recording: bytes) -> None:
    endpoint = start(alias=None)
    assert "no champion is loaded yet" in refused(endpoint.score(recording), 503)
    refused(endpoint.client.get("/model"), 503)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "empty"),
        (b"no recording at all" * 50, "not audio that can be read"),
    ],
)
def test_bad_audio_is_refused_in_one_sentence(start: Start, data: bytes, sentence: str) -> None:
    assert sentence in refused(start().score(data), 400)


def test_a_truncated_recording_is_refused_in_one_sentence(start: Start, recording: bytes) -> None:
    assert "truncated" in refused(start().score(recording[:-4000]), 400)


def test_a_form_that_is_none_is_refused(start: Start, recording: bytes) -> None:
    client = start().client
    boundary = {"content-type": "multipart/form-data; boundary=x"}
    cases = [
        client.post("/score", content=recording, headers={"content-type": "audio/wav"}),
        client.post("/score", json={"audio": "x"}),
        client.post("/score", content=b"--y\r\n", headers=boundary),
        client.post("/score", content=b"", headers={"content-type": "multipart/form-data"}),
        client.post("/score", data={"audio": "x"}, files={"other": b""}),
        client.post("/score", files={"sound": ("a.wav", recording)}),
        client.post("/score", files={"audio": ("a.wav", recording)}, data={"sauce": "x"}),
        client.post("/score", files={"audio": ("a.wav", recording)}, data={"source": "x" * 5000}),
        client.post("/score", files=[("audio", ("a.wav", recording))] * 2),
    ]
    for response in cases:
        refused(response, 400)


def test_a_large_body_is_refused_and_the_client_hears_it(start: Start) -> None:
    sentence = refused(start().score(b"\0" * (MAX_UPLOAD + 2**20)), 413)
    assert "at most 2.06 MiB" in sentence


def test_a_large_body_of_unknown_length_is_read_no_further_than_the_limit(start: Start) -> None:
    def chunks() -> Iterator[bytes]:
        yield b'--x\r\ncontent-disposition: form-data; name="audio"; filename="a"\r\n\r\n'
        for _ in range(64):
            yield b"\0" * 65_536

    headers = {"content-type": "multipart/form-data; boundary=x"}
    refused(start().client.post("/score", content=chunks(), headers=headers), 413)


def test_a_client_that_asks_before_it_sends_is_told_at_once(start: Start) -> None:
    url = start().client.base_url
    connection = HTTPConnection(url.host, url.port or 80, timeout=10)
    connection.putrequest("POST", "/score")
    connection.putheader("Content-Type", "multipart/form-data; boundary=x")
    connection.putheader("Content-Length", str(2**40))
    connection.putheader("Expect", "100-continue")
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()


def test_a_method_that_is_not_there_is_refused_as_everything_else(start: Start) -> None:
    refused(start().client.get("/score"), 405)


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "ü"}])
def test_without_the_token_nothing_is_answered(start: Start, header: dict[str, str]) -> None:
    endpoint = start(token="let-me-in")
    headers = {name: value.encode() for name, value in header.items()}
    for method, path in [("POST", "/score"), ("POST", "/feedback"), ("GET", "/model")]:
        response = endpoint.client.request(method, path, headers=headers)
        assert "Bearer" in refused(response, 401)
        assert response.headers["www-authenticate"] == "Bearer"


def test_with_the_token_the_door_is_open(start: Start) -> None:
    endpoint = start(token="let-me-in")
    assert endpoint.client.get("/model", headers=TOKEN).status_code == 200


def test_a_token_of_the_database_opens_what_its_scope_says(
    start: Start, recording: bytes, tmp_path: Path
) -> None:
    endpoint = start(token="let-me-in")
    database = open_database(f"sqlite:///{tmp_path}/log.db")
    token = create_token(database, "app", [Scope.FEEDBACK], "a test")
    headers = {"Authorization": f"Bearer {token}"}
    files = {"audio": ("a.wav", recording)}
    response = endpoint.client.post("/score", headers=headers, files=files)
    assert "scope score" in refused(response, 401)
    claim = {"request_id": "unknown", "label": "spoof"}
    assert endpoint.client.post("/feedback", headers=headers, json=claim).status_code == 404
    revoke_token(database, "app")
    assert endpoint.client.post("/feedback", headers=headers, json=claim).status_code == 401


def test_a_recording_is_kept_only_where_retention_says_so(start: Start, recording: bytes) -> None:
    endpoint = start(keeps=True)
    answer = endpoint.score(recording, name="Call 7.WAV").json()
    row = endpoint.door.score_log.find(answer["request_id"])
    assert row is not None
    assert row.audio_key.endswith(f"{answer['request_id']}.wav")
    assert (endpoint.store.folder / row.audio_key).read_bytes() == recording


def test_a_file_name_cannot_leave_the_store(start: Start, recording: bytes) -> None:
    endpoint = start(keeps=True)
    answer = endpoint.score(recording, name="x.wav/../../../..").json()
    row = endpoint.door.score_log.find(answer["request_id"])
    assert row is not None
    assert ".." not in row.audio_key


def test_a_full_store_costs_the_recording_and_not_the_answer(
    start: Start, recording: bytes, counted: Metrics
) -> None:
    endpoint = start(keeps=True)
    endpoint.store.full = True
    lost = counted.recordings_not_kept._value.get()
    answer = endpoint.score(recording)
    assert answer.status_code == 200
    row = endpoint.door.score_log.find(answer.json()["request_id"])
    assert row is not None
    assert row.audio_key is None
    assert counted.recordings_not_kept._value.get() == lost + 1


def test_feedback_right_after_an_answer_flags_it(start: Start, recording: bytes) -> None:
    endpoint = start(keeps=True)
    answer = endpoint.score(recording).json()
    claim = {"request_id": answer["request_id"], "label": "spoof", "attack_id": "new-voice"}
    flagged = endpoint.client.post("/feedback", json={**claim, "comment": "a robot"})
    assert flagged.status_code == 200, flagged.text
    assert flagged.json()["audio_kept"] is True
    (sample,) = list_samples(endpoint.door.score_log.engine(), SampleState.FLAGGED)
    assert sample.id == flagged.json()["sample_id"]
    assert (sample.claimed_label, sample.claimed_attack_id) == ("spoof", "new-voice")
    assert sample.comment == "a robot"


def test_feedback_brings_the_recording_that_retention_did_not_keep(
    start: Start, recording: bytes
) -> None:
    endpoint = start(keeps=False)
    request_id = endpoint.score(recording).json()["request_id"]
    form = {"request_id": request_id, "label": "spoof"}
    other = {"audio": ("a.wav", recording[:-2])}
    response = endpoint.client.post("/feedback", data=form, files=other)
    assert "this is another" in refused(response, 400)
    same = {"audio": ("a.wav", recording)}
    response = endpoint.client.post("/feedback", data=form, files=same)
    assert response.json()["audio_kept"] is True
    (sample,) = list_samples(endpoint.door.score_log.engine())
    assert sample.audio_key is not None
    assert (endpoint.store.folder / sample.audio_key).read_bytes() == recording


def test_a_claim_that_contradicts_an_earlier_one_is_a_conflict(
    start: Start, recording: bytes
) -> None:
    endpoint = start()
    claim = {"request_id": endpoint.score(recording).json()["request_id"], "label": "spoof"}
    assert endpoint.client.post("/feedback", json=claim).json()["audio_kept"] is False
    again = endpoint.client.post("/feedback", json={**claim, "label": "bonafide"})
    assert "flagged" in refused(again, 409)


def test_feedback_on_an_unknown_request_is_refused(start: Start) -> None:
    claim = {"request_id": "never", "label": "spoof"}
    assert "no answered request never" in refused(start().client.post("/feedback", json=claim), 404)


@pytest.mark.parametrize(
    "claim",
    [
        {},
        {"request_id": "x"},
        {"request_id": "x", "label": "fake"},
        {"request_id": "x", "label": "bonafide", "attack_id": "A01"},
        {"request_id": "x", "label": "spoof", "mood": "bad"},
        {"request_id": "x" * 99, "label": "spoof"},
        ["request_id"],
    ],
)
def test_a_claim_that_cannot_be_is_refused(start: Start, claim: Any) -> None:
    refused(start().client.post("/feedback", json=claim), 400)


def test_feedback_that_is_too_large_or_no_json_is_refused(start: Start) -> None:
    client = start().client
    refused(client.post("/feedback", content=b"{"), 400)
    refused(client.post("/feedback", content=b" " * 2**20), 413)


def test_moving_the_alias_under_load_loses_no_request(
    start: Start, speech: NDArray[np.float32]
) -> None:
    endpoint = start(alias=1)
    recording = _wav(np.tile(speech, 4))
    window = endpoint.door.champion().manifest.window
    power = float((cut_windows(np.tile(speech, 4), window) ** 2).mean(axis=1).mean())
    stop = threading.Event()
    answers: list[dict[str, Any]] = []

    def send() -> None:
        while not stop.is_set():
            response = endpoint.score(recording)
            assert response.status_code == 200, response.text
            answers.append(response.json())

    def hear_more() -> None:
        enough = len(answers) + 6
        _wait_until(lambda: len(answers) >= enough or any(request.done() for request in sending))

    with ThreadPoolExecutor(4) as clients:
        sending = [clients.submit(send) for _ in range(4)]
        try:
            hear_more()
            for alias in (2, 1, 2, 3):
                endpoint.registry.alias = alias
                _wait_until(lambda alias=alias: endpoint.door.champion().version == alias)
                hear_more()
            last = endpoint.score(recording).json()["model_version"]
        finally:
            stop.set()
        for request in sending:
            request.result(30)

    assert {answer["model_version"] for answer in answers} == {1, 2, 3}
    assert last == 3
    rounded = rounding(window.samples, 3 + power)
    for answer in answers:  # no window was scored by another version than the one named
        assert answer["cm_score"] - answer["model_version"] == pytest.approx(power, abs=rounded)
    assert len({answer["request_id"] for answer in answers}) == len(answers)


def _wav(waveform: NDArray[np.float32]) -> bytes:
    stream = io.BytesIO()
    soundfile.write(stream, waveform, 16_000, format="WAV")
    return stream.getvalue()


def _wait_until(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < until, "not within 20 s"
        time.sleep(0.01)
