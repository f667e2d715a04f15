"""What the endpoint says and accepts, field by field."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from models.errors import InputError
from models.trials import Label


class ScoreAnswer(BaseModel):
    """The answer to POST /score."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False, protected_namespaces=())

    request_id: str
    cm_score: float  # higher: more bona fide
    spoof_probability: float
    verdict: Label
    threshold: float  # cm_scores below it are called spoof
    model_version: int
    duration_s: float
    windows: int


class WindowAnswer(BaseModel):
    """How the detector cuts and cleans what it hears."""

    samples: int
    hop: int
    aggregate: str
    spectral_subtraction: float  # 0: nothing is cleaned
    spectral_floor: float


class ChallengerAnswer(BaseModel):
    """Which version runs in shadow; all null but the failure where it could not be loaded."""

    version: int | None
    detector: str | None
    threshold: float | None
    loaded_at: datetime | None
    manifest_sha256: str | None
    failed_version: int | None
    failure: str | None


class ModelAnswer(BaseModel):
    """The answer to GET /model."""

    version: int
    detector: str
    options: dict[str, Any]
    window: WindowAnswer
    sample_rate: int  # Hz
    threshold: float
    loaded_at: datetime
    manifest_sha256: str
    failed_version: int | None  # the registry's champion, where it could not be loaded
    failure: str | None
    challenger: ChallengerAnswer | None  # None: the registry names none


class FeedbackRequest(BaseModel):
    """What POST /feedback accepts, as JSON or as the fields of a form."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    request_id: str = Field(min_length=1, max_length=36)
    label: Label
    attack_id: str | None = Field(None, min_length=1, max_length=128)
    comment: str | None = Field(None, max_length=1024)


class FeedbackAnswer(BaseModel):
    """The answer to POST /feedback."""

    sample_id: int
    request_id: str
    label: Label
    audio_kept: bool  # without the recording a reviewer has nothing to listen to


def feedback_of(values: dict[str, Any]) -> FeedbackRequest:
    """Check a claim. Raises InputError naming the first field that is wrong."""
    try:
        claim = FeedbackRequest.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"]) or "body"
        raise InputError(f"{name}: {first['msg'][:1].lower()}{first['msg'][1:]}") from error
    if claim.label is Label.BONAFIDE and claim.attack_id is not None:
        raise InputError("attack_id: none expected beside the label bonafide")
    return claim
