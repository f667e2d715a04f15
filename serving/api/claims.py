"""POST /v1/feedback, and /feedback as it was before there were versions."""

from __future__ import annotations

from pydantic import BaseModel
from pydantic_core import from_json
from starlette.requests import Request
from starlette.responses import Response

from models.errors import InputError
from models.trials import Label
from serving.api.once import once, request_digest
from serving.api.schemas import Claim, ClaimAnswer
from serving.api.scoring import door_of
from serving.api.values import checked
from serving.feedback import take_feedback
from serving.schemas import FeedbackAnswer
from serving.uploads import Upload, is_form, read_document, read_upload

LONGEST_DOCUMENT = 16 * 1024  # bytes of JSON


async def feedback_as_before(request: Request) -> BaseModel:
    """POST /feedback."""
    claim, upload = await _read_claim(request)
    answer = await take_feedback(door_of(request), claim, upload)
    return FeedbackAnswer(**answer.model_dump(exclude={"category"}))


async def feedback(request: Request) -> BaseModel | Response:
    """POST /v1/feedback."""
    claim, upload = await _read_claim(request)
    recording = upload.recording if upload and upload.recording else b""
    digest = request_digest(request, claim.model_dump_json().encode(), recording)
    door = door_of(request)

    async def flagged() -> ClaimAnswer:
        return await take_feedback(door, claim, upload)

    return await once(request, digest, flagged)


async def _read_claim(request: Request) -> tuple[Claim, Upload | None]:
    limits = request.app.state.body_limits
    if is_form(request):
        upload = await read_upload(request, limits)
        return _claim_of(dict(upload.fields)), upload
    body = await read_document(request, LONGEST_DOCUMENT, limits)
    try:
        values = from_json(body, allow_inf_nan=False)  # refuses deep nesting, unlike json
    except ValueError as error:
        raise InputError("body: a JSON object or multipart/form-data expected") from error
    if not isinstance(values, dict):
        raise InputError("body: a JSON object expected")
    return _claim_of(values), None


def _claim_of(values: dict[str, object]) -> Claim:
    claim = checked(Claim, values)
    if claim.label is Label.BONAFIDE and claim.attack_id is not None:
        raise InputError("attack_id: none expected beside the label bonafide")
    return claim
