"""GET /v1/model and /v1/requests/{request_id}: what serves, and what was answered before."""

from __future__ import annotations

from pydantic import BaseModel
from starlette.requests import Request

from infra.tables import ScoredRequest
from serving.api.database_calls import in_database
from serving.api.schemas import RequestAnswer
from serving.api.scoring import door_of
from serving.api.values import shown
from serving.errors import UnknownRequestError


async def model(request: Request) -> BaseModel:
    """GET /v1/model."""
    return door_of(request).model()


async def answered_request(request: Request) -> BaseModel:
    """GET /v1/requests/{request_id}."""
    door, request_id = door_of(request), request.path_params["request_id"]
    row = await in_database(
        "answered requests cannot be looked up", lambda: door.score_log.find(request_id)
    )
    if row is None:
        raise UnknownRequestError(f"request_id: no answered request {shown(request_id)}")
    return _answer_of(row)


def _answer_of(row: ScoredRequest) -> RequestAnswer:
    values = {
        name: getattr(row, name) for name in RequestAnswer.model_fields if name != "audio_kept"
    }
    return RequestAnswer(**values, audio_kept=row.audio_key is not None)
