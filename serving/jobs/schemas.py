"""Requests and answers of /v1/jobs, field by field."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from infra.calls.jobs import JobState
from serving.api.schemas import BatchItem, ScoreQuery
from serving.api.values import PlainText

PAGE = 1000  # results in one answer


class JobFields(ScoreQuery):
    """What may be said about a job, as fields of its form or as query parameters."""

    webhook_url: PlainText | None = Field(
        None,
        max_length=1024,
        description="An address in the list of webhooks: it gets `job.ended`, signed.",
    )


class PageQuery(BaseModel):
    """Which results of a job are shown."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    after: int = Field(0, ge=0, le=2**31 - 1, description="The number of the first result.")
    limit: int = Field(100, ge=1, le=PAGE, description="How many results.")


FIRST_PAGE = PageQuery.model_validate({})


class JobAnswer(BaseModel):
    """A job and a page of its results."""

    model_config = ConfigDict(frozen=True)

    job_id: str
    state: JobState = Field(description="waiting, running, done or failed.")
    made_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    answered: int
    refused: int
    error: str | None = Field(description="Why the whole job failed.")
    results: list[BatchItem]
    next: int | None = Field(description="`after` of the next page; null: there is none yet.")


class DeletedAnswer(BaseModel):
    """The answer to DELETE /v1/jobs/{job_id}."""

    model_config = ConfigDict(frozen=True)

    job_id: str
    deleted: bool
