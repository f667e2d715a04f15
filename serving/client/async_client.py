"""The client for programs with an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping, Sequence
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
from .sync_client import TIMEOUT_S


class AsyncClient:
    """Calls one endpoint; its methods are those of Client."""

    def __init__(
        self,
        url: str,
        token: str | None = None,
        *,
        retries: Retries | None = None,
        timeout_s: float = TIMEOUT_S,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._url, self._token, self._retries = url.rstrip("/"), token, retries or Retries()
        self._http = httpx.AsyncClient(
            base_url=self._url,
            headers=calls.headers_of(token),
            timeout=timeout_s,
            transport=transport,
        )

    async def score(self, audio: Audio, *, name: str = "", **options: Any) -> ScoreReply:
        """Score a recording: bytes, or the path of a file."""
        return ScoreReply.of(await self._send(calls.score_call(audio, name, options)))

    async def score_batch(self, recordings: Sequence[Audio], **options: Any) -> BatchReply:
        """Score several recordings; one that is refused fails alone."""
        return BatchReply.of(await self._send(calls.batch_call(recordings, options)))

    async def leave_job(
        self, recordings: Sequence[Audio], *, wait_s: int = 0, **options: Any
    ) -> JobReply:
        """Leave recordings and ZIP archives to be scored; `webhook_url` is told the end."""
        return JobReply.of(await self._send(calls.job_call(recordings, wait_s, options)))

    async def job(
        self, job_id: str, *, wait_s: int = 0, after: int = 0, limit: int = 100
    ) -> JobReply:
        """How far a job is, with a page of its results."""
        return JobReply.of(await self._send(calls.job_state_call(job_id, wait_s, after, limit)))

    async def job_results(self, job_id: str) -> AsyncIterator[FileReply]:
        """Every result of a job as it comes, until the job has ended."""
        after = 0
        while True:
            page = await self.job(job_id, wait_s=0 if after else 2, after=after)
            for result in page.results:
                yield result
            after += len(page.results)
            if page.ended and page.next is None:
                return
            if not page.results:
                await asyncio.sleep(1.0)

    async def delete_job(self, job_id: str) -> None:
        """End a job, and delete its files and results."""
        await self._send(calls.delete_job_call(job_id))

    async def request(self, request_id: str) -> RequestReply:
        """What was answered to a request, and by which version."""
        return RequestReply.of(await self._send(calls.request_call(request_id)))

    async def feedback(
        self, request_id: str, label: str, *, audio: Audio | None = None, **claim: str | None
    ) -> FeedbackReply:
        """Report what a recording is; `claim`: attack_id, category, comment."""
        call = calls.feedback_call(request_id, label, audio, claim)
        return FeedbackReply.of(await self._send(call))

    async def model(self) -> ModelReply:
        """The version that serves."""
        return ModelReply.of(await self._send(calls.MODEL_CALL))

    def stream(
        self, chunks: AsyncIterable[bytes] | Iterable[bytes], **options: Any
    ) -> AsyncIterator[Mapping[str, Any]]:
        """Send audio as it comes; yields the messages of the stream, at last its Summary."""
        return live.stream_async(self._url, self._token, chunks, options)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _send(self, call: PreparedCall) -> Any:
        attempt = 1
        while True:
            answer, error = None, None
            try:
                answer = await self._http.request(call.method, call.path, **call.arguments())
            except httpx.TransportError as outage:
                error = outage
            wait_s = self._retries.wait_s(attempt, answer)
            if wait_s is None:
                break
            await asyncio.sleep(wait_s)
            attempt += 1
        if answer is None:
            raise UnreachableEndpointError(f"{self._url}: no answer ({error})") from error
        return calls.document_of(answer)
