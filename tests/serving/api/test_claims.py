"""POST /v1/feedback: a request that is sent again has its first answer, and no second effect."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from infra.field_samples import list_samples
from tests.serving.api.test_scoring import refused

Start = Callable[..., Any]


def test_a_repeated_claim_replays_its_answer_and_another_one_is_a_conflict(
    start: Start, recording: bytes
) -> None:
    endpoint = start()
    request_id = endpoint.score(recording).json()["request_id"]
    claim = {"request_id": request_id, "label": "spoof", "category": "confirmed", "comment": "Hm"}
    key = {"Idempotency-Key": "a1"}
    first = endpoint.client.post("/v1/feedback", json=claim, headers=key)
    again = endpoint.client.post("/v1/feedback", json=claim, headers=key)
    assert first.status_code == again.status_code == 200
    assert first.json() == again.json()
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    other = {**claim, "comment": "another"}
    response = endpoint.client.post("/v1/feedback", json=other, headers=key)
    assert "belongs to a request with another body" in refused(response, 409)
    (sample,) = list_samples(endpoint.door.score_log.engine())
    assert (sample.category, sample.comment) == ("confirmed", "Hm")


def test_a_refused_claim_gives_its_key_back(start: Start, recording: bytes) -> None:
    client = (endpoint := start()).client
    key = {"Idempotency-Key": "a2"}
    wrong = {"request_id": "never", "label": "spoof"}
    refused(client.post("/v1/feedback", json=wrong, headers=key), 404)
    right = {**wrong, "request_id": endpoint.score(recording).json()["request_id"]}
    assert client.post("/v1/feedback", json=right, headers=key).status_code == 200


def test_a_key_belongs_to_one_caller(start: Start, recording: bytes, tmp_path: Any) -> None:
    from infra.access.scopes import Scope
    from infra.access.tokens import create_token
    from infra.database import open_database

    endpoint = start(token="let-me-in")
    database = open_database(f"sqlite:///{tmp_path}/log.db")
    tokens = [create_token(database, name, [Scope.SCORE], "a test") for name in ("a", "b")]
    answers = [
        endpoint.client.post(
            "/v1/score",
            files={"audio": ("a.wav", recording)},
            headers={"Authorization": f"Bearer {token}", "Idempotency-Key": "one"},
        ).json()["request_id"]
        for token in (*tokens, tokens[0])
    ]
    assert answers[0] != answers[1]
    assert answers[0] == answers[2]


def test_a_key_or_a_category_that_cannot_be_is_refused(start: Start) -> None:
    client = start().client
    claim = {"request_id": "x", "label": "spoof"}
    for key in ("", "a b", "x" * 129):
        headers = {"Idempotency-Key": key}
        assert "Idempotency-Key" in refused(
            client.post("/v1/feedback", json=claim, headers=headers), 400
        )
    mood = {**claim, "category": "mood"}
    assert "category" in refused(client.post("/v1/feedback", json=mood), 400)
    nul = {**claim, "comment": "a\0b"}
    assert "control characters" in refused(client.post("/v1/feedback", json=nul), 400)
