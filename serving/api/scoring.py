"""POST /v1/score and /v1/score/batch."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from models.errors import InputError
from serving.api.guard import while_connected
from serving.api.once import once, request_digest
from serving.api.raw_bodies import is_raw, raw_upload
from serving.api.schemas import BatchAnswer, BatchItem, ScoreQuery
from serving.api.values import checked, given_values, query_values, shown
from serving.door import Door
from serving.errors import MediaTypeError, RefusedError
from serving.jobs.archive import LeftRecording
from serving.uploads import Upload, is_form, read_document, read_form, read_upload, short_name

log = logging.getLogger(__name__)

BATCH_FILES = 64
BATCH_AT_ONCE = 4  # of one batch; the others of the worker get their turns


def door_of(request: Request) -> Door:
    """The worker's parts."""
    door: Door = request.app.state.door
    return door


async def score_form(request: Request) -> BaseModel:
    """POST /score, as it was before there were versions: a form, and nothing else."""
    upload = await read_upload(request, request.app.state.body_limits)
    return await while_connected(request, door_of(request).score(upload))


async def score(request: Request) -> BaseModel | Response:
    """POST /v1/score."""
    sent, values = await body_upload(request)
    query = checked(ScoreQuery, values)
    upload = Upload(sent.recording, sent.name, query.about)
    digest = request_digest(request, sent.recording or b"", query.model_dump_json().encode())
    door = door_of(request)
    work = once(request, digest, lambda: door.answer(upload, query.options), needs_key=False)
    return await while_connected(request, work)


async def score_batch(request: Request) -> BaseModel:
    """POST /v1/score/batch: one bad file never fails its neighbours."""
    if not is_form(request):
        raise MediaTypeError("body: multipart/form-data with file fields audio expected")
    limits = request.app.state.body_limits
    files, fields = await read_form(request, limits, BATCH_FILES)
    if not files:
        raise InputError("audio: files expected, the form has none")
    query = checked(ScoreQuery, given_values(request, fields))
    door, turn = door_of(request), asyncio.Semaphore(BATCH_AT_ONCE)
    door.champion()  # nothing can be scored without one: not a fault of each file
    work = [
        batch_item(door, query, LeftRecording(name, recording), turn) for recording, name in files
    ]
    results = await while_connected(request, _all(work))
    answered = sum(item.answer is not None for item in results)
    return BatchAnswer(answered=answered, refused=len(results) - answered, results=results)


async def body_upload(request: Request) -> tuple[Upload, dict[str, str]]:
    """The recording of a form or of a raw body; query parameters and fields, not yet checked."""
    limits = request.app.state.body_limits
    media_type = request.headers.get("content-type", "")
    if is_form(request):
        upload = await read_upload(request, limits)
        if upload.recording is None:
            raise InputError("audio: a file expected, the form has none")
        return upload, given_values(request, upload.fields)
    if not is_raw(media_type):
        raise MediaTypeError(
            "Content-Type: audio/…, application/octet-stream or multipart/form-data with a file "
            f"field audio expected, found {shown(media_type) or 'none'}"
        )
    body = await read_document(request, limits.bytes, limits)
    disposition = request.headers.get("content-disposition", "")
    return raw_upload(body, media_type, disposition, {}), query_values(request)


async def _all(work: list[Coroutine[Any, Any, BatchItem]]) -> list[BatchItem]:
    return list(await asyncio.gather(*work))


async def batch_item(
    door: Door, query: ScoreQuery, recording: LeftRecording, turn: asyncio.Semaphore
) -> BatchItem:
    """What became of one file; what nobody foresaw is in the log, and fails this file alone."""
    if recording.content is None:
        return _refused(recording, 400, recording.refusal)
    upload = Upload(recording.content, short_name(recording.name), query.about)
    try:
        async with turn:
            answer = await door.answer(upload, query.options)
    except InputError as error:
        return _refused(recording, 400, str(error))
    except RefusedError as error:
        return _refused(recording, error.status, str(error))
    except Exception as error:  # whatever a runtime raises
        log.error("a file of a batch failed", exc_info=error)
        return _refused(recording, 500, "the endpoint failed, its log has the reason")
    return BatchItem(name=recording.name, status=200, answer=answer, error=None)


def _refused(recording: LeftRecording, status: int, sentence: str) -> BatchItem:
    return BatchItem(name=recording.name, status=status, answer=None, error=sentence)
