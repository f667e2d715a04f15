"""Feedback: a client reports a wrong answer, and the request is flagged for review."""

from __future__ import annotations

import hashlib

from infra.errors import ConflictError
from infra.field_samples import flag
from infra.tables import ScoredRequest
from models.errors import InputError
from serving.api.database_calls import in_database
from serving.api.schemas import Claim, ClaimAnswer
from serving.door import Door, safe_suffix
from serving.errors import AlreadyFlaggedError, UnknownRequestError
from serving.uploads import Upload


async def take_feedback(door: Door, claim: Claim, upload: Upload | None) -> ClaimAnswer:
    """Flag the request of a claim, in threads of its own because it waits for the database."""
    return await in_database("feedback cannot be noted", lambda: _flag(door, claim, upload))


def _flag(door: Door, claim: Claim, upload: Upload | None) -> ClaimAnswer:
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
            category=claim.category,
        )
    except ConflictError as error:
        raise AlreadyFlaggedError(f"request_id: {error}") from error
    return ClaimAnswer(
        sample_id=sample.id,
        request_id=claim.request_id,
        label=claim.label,
        audio_kept=sample.audio_key is not None,
        category=claim.category,
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
