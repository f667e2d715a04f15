"""The client for programs without an event loop."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import httpx

from . import calls, live
from .calls import Audio, PreparedCall, Retries
from .errors import UnreachableEndpointError
from .replies import (
    BatchReply,
    FeedbackReply,
    FileReply,
    JobReply,
    ModelReply,
    RequestReply,
    ScoreReply,
)

TIMEOUT_S = 300.0  # the endpoint gives no answer up before


class Client:
    """Calls one endpoint. Refusals are EndpointError, outages UnreachableEndpointError.

    Requests that fail for now (429, 502, 503, 504, no connection) are sent again; each carries an
    idempotency key, so that it has one effect however often it is sent.
    """

    def __init__(
        self,
        url: str,
        token: str | None = None,
        *,
        retries: Retries | None = None,
        timeout_s: float = TIMEOUT_S,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._url, self._token, self._retries = url.rstrip("/"), token, retries or Retries()
        self._http = httpx.Client(
            base_url=self._url,
            headers=calls.headers_of(token),
            timeout=timeout_s,
            transport=transport,
        )

    def score(self, audio: Audio, *, name: str = "", **options: Any) -> ScoreReply:
        """Score a recording: bytes, or the path of a file.

        `options` are the query parameters of the operation, such as `source` and `speaker_id`.
        """
        return ScoreReply.of(self._send(calls.score_call(audio, name, options)))

    def score_batch(self, recordings: Sequence[Audio], **options: Any) -> BatchReply:
        """Score several recordings; one that is refused fails alone."""
        return BatchReply.of(self._send(calls.batch_call(recordings, options)))

    def leave_job(
        self, recordings: Sequence[Audio], *, wait_s: int = 0, **options: Any
    ) -> JobReply:
        """Leave recordings and ZIP archives to be scored; `webhook_url` is told the end."""
        return JobReply.of(self._send(calls.job_call(recordings, wait_s, options)))

    def job(self, job_id: str, *, wait_s: int = 0, after: int = 0, limit: int = 100) -> JobReply:
        """How far a job is, with a page of its results."""
        return JobReply.of(self._send(calls.job_state_call(job_id, wait_s, after, limit)))

    def job_results(self, job_id: str) -> Iterator[FileReply]:
        """Every result of a job as it comes, until the job has ended."""
        after = 0
        while True:
            page = self.job(job_id, wait_s=0 if after else 2, after=after)
            yield from page.results
            after += len(page.results)
            if page.ended and page.next is None:
                return
            if not page.results:
                time.sleep(1.0)

    def delete_job(self, job_id: str) -> None:
        """End a job, and delete its files and results."""
        self._send(calls.delete_job_call(job_id))

    def request(self, request_id: str) -> RequestReply:
        """What was answered to a request, and by which version."""
        return RequestReply.of(self._send(calls.request_call(request_id)))

    def feedback(
        self, request_id: str, label: str, *, audio: Audio | None = None, **claim: str | None
    ) -> FeedbackReply:
        """Report what a recording is; `claim`: attack_id, category, comment."""
        call = calls.feedback_call(request_id, label, audio, claim)
        return FeedbackReply.of(self._send(call))

    def model(self) -> ModelReply:
        """The version that serves."""
        return ModelReply.of(self._send(calls.MODEL_CALL))

    def stream(self, chunks: Iterable[bytes], **options: Any) -> Iterator[Mapping[str, Any]]:
        """Send audio as it comes; yields the messages of the stream, at last its Summary.

        `options` are the query of WS /v1/stream: `encoding`, `sample_rate`, `channels`, `policy`,
        `call_id`. Raises StreamClosedError if the endpoint closes it.
        """
        return live.stream(self._url, self._token, chunks, options)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _send(self, call: PreparedCall) -> Any:
        attempt = 1
        while True:
            answer, error = None, None
            try:
                answer = self._http.request(call.method, call.path, **call.arguments())
            except httpx.TransportError as outage:
                error = outage
            wait_s = self._retries.wait_s(attempt, answer)
            if wait_s is None:
                break
            time.sleep(wait_s)
            attempt += 1
        if answer is None:
            raise UnreachableEndpointError(f"{self._url}: no answer ({error})") from error
        return calls.document_of(answer)
