"""Requests as values, and when to send one again: what both clients share."""

from __future__ import annotations

import random
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from .errors import EndpointError

Audio = bytes | Path
RETRIED = frozenset({429, 502, 503, 504})
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 30.0
FILE = "audio"


@dataclass(frozen=True)
class Retries:
    """How often a request is sent, and how long to wait in between."""

    attempts: int = 5
    longest_wait_s: float = LONGEST_WAIT_S

    def wait_s(self, attempt: int, answer: httpx.Response | None) -> float | None:
        """Seconds before the next attempt, 1, 2, …; None where there is none.

        `answer` is None if none came. The endpoint's Retry-After counts, else the wait doubles,
        and is random, so that clients that failed together do not come back together.
        """
        if attempt >= self.attempts or (answer is not None and answer.status_code not in RETRIED):
            return None
        after = "" if answer is None else answer.headers.get("Retry-After", "")
        if after.isdecimal():
            return min(float(after), self.longest_wait_s)
        return random.uniform(0.5, 1.0) * min(
            FIRST_WAIT_S * 2.0 ** (attempt - 1), self.longest_wait_s
        )


@dataclass(frozen=True)
class PreparedCall:
    """One request; sending it twice has one effect."""

    method: str
    path: str
    query: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    files: Sequence[tuple[str, tuple[str, bytes]]] = ()
    fields: Mapping[str, str] = field(default_factory=dict)
    json: Any = None

    def arguments(self) -> dict[str, Any]:
        """The arguments of httpx's `request`."""
        arguments: dict[str, Any] = {
            "params": {name: value for name, value in self.query.items() if value is not None},
            "headers": dict(self.headers),
        }
        if self.files:
            arguments |= {"files": list(self.files), "data": dict(self.fields)}
        elif self.json is not None:
            arguments["json"] = self.json
        return arguments


def score_call(audio: Audio, name: str, options: Mapping[str, Any]) -> PreparedCall:
    """POST /v1/score."""
    return PreparedCall("POST", "/v1/score", options, _key(), _files([audio], [name]))


def batch_call(recordings: Sequence[Audio], options: Mapping[str, Any]) -> PreparedCall:
    """POST /v1/score/batch."""
    return PreparedCall("POST", "/v1/score/batch", options, {}, _files(recordings))


def job_call(recordings: Sequence[Audio], wait_s: int, options: Mapping[str, Any]) -> PreparedCall:
    """POST /v1/jobs."""
    headers = {**_key(), **_prefer(wait_s)}
    return PreparedCall("POST", "/v1/jobs", options, headers, _files(recordings))


def job_state_call(job_id: str, wait_s: int, after: int, limit: int) -> PreparedCall:
    """GET /v1/jobs/{job_id}."""
    page = {"after": after, "limit": limit}
    return PreparedCall("GET", _path("jobs", job_id), page, _prefer(wait_s))


def delete_job_call(job_id: str) -> PreparedCall:
    """DELETE /v1/jobs/{job_id}."""
    return PreparedCall("DELETE", _path("jobs", job_id))


def request_call(request_id: str) -> PreparedCall:
    """GET /v1/requests/{request_id}."""
    return PreparedCall("GET", _path("requests", request_id))


def feedback_call(
    request_id: str, label: str, audio: Audio | None, claim: Mapping[str, str | None]
) -> PreparedCall:
    """POST /v1/feedback."""
    values = {"request_id": request_id, "label": label}
    values |= {name: value for name, value in claim.items() if value is not None}
    if audio is None:
        return PreparedCall("POST", "/v1/feedback", {}, _key(), json=values)
    return PreparedCall("POST", "/v1/feedback", {}, _key(), _files([audio]), values)


def document_of(answer: httpx.Response) -> Any:
    """The JSON of an answer; raises EndpointError with the sentence of a refusal."""
    if answer.is_success:
        return answer.json()
    try:
        sentence = str(answer.json()["error"])
    except (ValueError, KeyError, TypeError):  # of a proxy in between
        sentence = answer.reason_phrase or "no sentence came with it"
    raise EndpointError(answer.status_code, sentence)


def headers_of(token: str | None) -> dict[str, str]:
    """The headers of every request."""
    return {} if token is None else {"Authorization": f"Bearer {token}"}


def _files(
    recordings: Sequence[Audio], names: Sequence[str] = ()
) -> list[tuple[str, tuple[str, bytes]]]:
    all_names = list(names) or [""] * len(recordings)
    return [
        (FILE, (name or _name(audio), audio if isinstance(audio, bytes) else audio.read_bytes()))
        for audio, name in zip(recordings, all_names, strict=True)
    ]


def _name(audio: Audio) -> str:
    return "audio" if isinstance(audio, bytes) else audio.name


def _key() -> dict[str, str]:
    return {"Idempotency-Key": str(uuid.uuid4())}


def _prefer(wait_s: int) -> dict[str, str]:
    return {"Prefer": f"wait={wait_s}"} if wait_s else {}


def _path(kind: str, name: str) -> str:
    return f"/v1/{kind}/{quote(name, safe='')}"


MODEL_CALL = PreparedCall("GET", "/v1/model")
