"""Requests and answers of /v1, field by field."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from serving.answers.options import ScoreOptions
from serving.answers.schemas import SpeechAnswer
from serving.api.values import PlainText
from serving.schemas import FeedbackAnswer, FeedbackRequest

FROZEN = ConfigDict(frozen=True, protected_namespaces=())


class ScoreQuery(ScoreOptions):
    """What may be said and asked of a recording, as query parameters or as fields of its form."""

    source: PlainText | None = Field(
        None, max_length=1024, description="The client, line or site of the recording."
    )
    speaker_id: PlainText | None = Field(
        None,
        max_length=1024,
        description="Who speaks: an account, a caller's number or a hash of it.",
    )

    @property
    def options(self) -> ScoreOptions:
        """What is asked."""
        return ScoreOptions(**{name: getattr(self, name) for name in ScoreOptions.model_fields})

    @property
    def about(self) -> dict[str, str]:
        """What is said."""
        values = {"source": self.source, "speaker_id": self.speaker_id}
        return {name: value for name, value in values.items() if value is not None}


class BatchItem(BaseModel):
    """What became of one file of a batch: an answer, or a refusal."""

    model_config = FROZEN

    name: str = Field(description="The name of the file, without folders.")
    status: int = Field(description="200, or the status of the refusal.")
    answer: SpeechAnswer | None
    error: str | None


class BatchAnswer(BaseModel):
    """The answer to POST /v1/score/batch; the files in their order."""

    model_config = FROZEN

    answered: int
    refused: int
    results: list[BatchItem]


class LoggedWindows(BaseModel):
    """What each window of a recording contributed."""

    model_config = FROZEN

    window_s: float = Field(description="Length of a window in seconds.")
    starts_s: list[float]
    cm_scores: list[float]


class RequestAnswer(BaseModel):
    """The answer to GET /v1/requests/{request_id}: what was answered, and by what."""

    model_config = ConfigDict(**FROZEN, from_attributes=True)

    request_id: str
    scored_at: datetime
    model_version: int = Field(description="The version in the registry whose weights scored it.")
    cm_score: float
    spoof_probability: float
    verdict: str = Field(description="By the threshold: bonafide or spoof.")
    threshold: float
    judgement: dict[str, Any] | None = Field(
        description="What POST /v1/score answered by its policy: null for POST /score."
    )
    duration_s: float
    windows: int
    window_scores: LoggedWindows | None
    source: str | None
    speaker_id: str | None
    audio_sha256: str = Field(description="SHA-256 of the file that was sent.")
    audio_kept: bool = Field(description="Whether the recording is in the object store.")
    release: str | None = Field(description="The code that turned the audio into the score.")


class FeedbackCategory(StrEnum):
    """How a client knows what a recording is."""

    CONFIRMED = "confirmed"  # by the customer, an investigation, the speaker
    SUSPECTED = "suspected"  # somebody who heard it thinks so
    TEST = "test"  # a call of one's own, made to try the endpoint
    OTHER = "other"


class Claim(FeedbackRequest):
    """The body of POST /v1/feedback, as JSON or as form fields."""

    attack_id: PlainText | None = Field(None, min_length=1, max_length=128)
    comment: PlainText | None = Field(None, max_length=1024)
    category: FeedbackCategory | None = Field(
        None, description="How you know: confirmed, suspected, a test of your own, or other."
    )


class ClaimAnswer(FeedbackAnswer):
    """The answer to POST /v1/feedback."""

    category: FeedbackCategory | None
