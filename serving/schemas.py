"""Requests and answers of the endpoint, field by field."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from models.trials import Label


class ScoreAnswer(BaseModel):
    """The answer to POST /score."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False, protected_namespaces=())

    request_id: str
    cm_score: float  # higher: more bona fide
    spoof_probability: float
    verdict: Label
    threshold: float  # cm_scores below it get the verdict spoof
    model_version: int
    duration_s: float
    windows: int


class WindowAnswer(BaseModel):
    """How the detector cuts and cleans audio."""

    samples: int
    hop: int
    aggregate: str
    spectral_subtraction: float  # 0: off
    spectral_floor: float
    short: str  # tile | own: what a recording shorter than a window becomes


class PolicyAnswer(BaseModel):
    """A policy of verdicts: two log-likelihood ratios, bona fide over spoof."""

    name: str
    spoof_below: float  # lower is spoof
    bonafide_from: float  # from it on bona fide; between both uncertain


class ChallengerAnswer(BaseModel):
    """The version in shadow; if it could not be loaded, all null except the failure."""

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
    policies: list[PolicyAnswer]  # of POST /v1/score, `default` first
    loaded_at: datetime
    manifest_sha256: str
    failed_version: int | None  # the registry's champion, if its files are unusable
    failure: str | None
    delayed_version: int | None  # the registry's champion, if it cannot be fetched now
    delay: str | None
    challenger: ChallengerAnswer | None  # None: no version has the alias


class FeedbackRequest(BaseModel):
    """The body of POST /feedback, as JSON or as form fields."""

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
    audio_kept: bool  # a reviewer needs the recording
