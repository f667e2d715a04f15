"""Feedback: a client reports a wrong answer, and the request is flagged for review."""

from __future__ import annotations

import asyncio
import hashlib
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy.exc import SQLAlchemyError

from infra.errors import ConflictError, UnreachableError
from infra.field_samples import flag
from infra.tables import ScoredRequest
from models.errors import InputError
from serving.door import Door, safe_suffix
from serving.errors import AlreadyFlaggedError, NotReadyError, UnknownRequestError
from serving.schemas import FeedbackAnswer, FeedbackRequest
from serving.uploads import Upload

# a database that is slow must not take the threads that scoring needs
_threads = ThreadPoolExecutor(8, thread_name_prefix="feedback")


async def take_feedback(
    door: Door, claim: FeedbackRequest, upload: Upload | None
) -> FeedbackAnswer:
    """Flag the request of a claim, in threads of its own because it waits for the database."""
    try:
        return await asyncio.get_running_loop().run_in_executor(
            _threads, _flag, door, claim, upload
        )
    except (UnreachableError, SQLAlchemyError) as error:
        raise NotReadyError("feedback cannot be noted now, try again later") from error


def _flag(door: Door, claim: FeedbackRequest, upload: Upload | None) -> FeedbackAnswer:
    row = door.score_log.find(claim.request_id)
    if row is None:
        raise UnknownRequestError(f"request_id: no answered request {claim.request_id}")
    audio_key = _audio_key(door, row, upload)
    try:
        sample = flag(
            door.score_log.engine(),
            claim.request_id,
            claim.label.value,
            claim.attack_id,
            claim.comment,
            audio_key,
        )
    except ConflictError as error:
        raise AlreadyFlaggedError(f"request_id: {error}") from error
    return FeedbackAnswer(
        sample_id=sample.id,
        request_id=claim.request_id,
        label=claim.label,
        audio_kept=sample.audio_key is not None,
    )


def _audio_key(door: Door, row: ScoredRequest, upload: Upload | None) -> str | None:
    """The key of the recording: stored by retention, or sent again with the claim."""
    if upload is None or upload.recording is None or row.audio_key is not None:
        return row.audio_key
    if hashlib.sha256(upload.recording).hexdigest() != row.audio_sha256:
        raise InputError(
            f"audio: the very file that was scored as {row.request_id} expected, this is another"
        )
    key = f"flagged/{row.request_id}{safe_suffix(upload.suffix)}"
    door.store.put(key, upload.recording)
    return key
