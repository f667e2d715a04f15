"""Answers of the endpoint as types. What a newer endpoint adds is in `raw`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

Reply = TypeVar("Reply", bound="JsonReply")


@dataclass(frozen=True)
class JsonReply:
    """What every answer has."""

    raw: Mapping[str, Any] = field(repr=False)  # the whole JSON object

    @classmethod
    def of(cls: type[Reply], document: Mapping[str, Any]) -> Reply:
        """Read a document; fields that an older endpoint lacks are None."""
        names = [entry.name for entry in fields(cls) if entry.name != "raw"]
        return cls(raw=document, **{name: document.get(name) for name in names})


@dataclass(frozen=True)
class ScoreReply(JsonReply):
    """One recording."""

    request_id: str
    cm_score: float | None  # higher: more bona fide
    spoof_probability: float | None
    verdict: str
    model_version: int
    duration_s: float


@dataclass(frozen=True)
class FileReply(JsonReply):
    """One file of a batch or a job: an answer, or a refusal."""

    name: str
    status: int
    error: str | None

    @property
    def answer(self) -> ScoreReply | None:
        """The score; None where the file was refused."""
        answer = self.raw.get("answer")
        return None if answer is None else ScoreReply.of(answer)


@dataclass(frozen=True)
class BatchReply(JsonReply):
    """Several recordings."""

    answered: int
    refused: int

    @property
    def results(self) -> tuple[FileReply, ...]:
        """The files in their order."""
        return tuple(map(FileReply.of, self.raw["results"]))


@dataclass(frozen=True)
class JobReply(BatchReply):
    """A job, and a page of its results."""

    job_id: str
    state: str  # waiting | running | done | failed
    error: str | None
    next: int | None  # `after` of the next page

    @property
    def ended(self) -> bool:
        """Whether nothing more will come."""
        return self.state not in ("waiting", "running")


@dataclass(frozen=True)
class RequestReply(ScoreReply):
    """What was answered to a request."""

    scored_at: str
    source: str | None
    audio_sha256: str
    audio_kept: bool


@dataclass(frozen=True)
class FeedbackReply(JsonReply):
    """A report that was taken."""

    sample_id: int
    request_id: str
    label: str
    audio_kept: bool


@dataclass(frozen=True)
class ModelReply(JsonReply):
    """What serves now."""

    version: int
    detector: str
    threshold: float
