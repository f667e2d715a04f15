"""A desk at which reviewers judge flagged requests."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Engine

from infra.database import session
from infra.field_samples import SampleState, flag, get_sample
from infra.review.answers import Answer
from infra.review.desk import take_item
from infra.review.judging import submit
from infra.review.reviewers import add_reviewer
from infra.tables import ScoredRequest
from models.params.retraining import ReviewParams

RULE = ReviewParams(gold_share=0.0)
SPOOF, BONAFIDE = Answer("spoof", attack_id="A01"), Answer("bonafide")


def request(name: str, source: str | None = None, audio_key: str | None = "k") -> ScoredRequest:
    """An answered request of two seconds."""
    return ScoredRequest(
        request_id=name, scored_at=datetime.now(UTC), model_version=1, cm_score=0.5,
        spoof_probability=0.4, verdict="bonafide", threshold=0.0, duration_s=2.0, windows=1,
        features={}, embedding_sketch=[], audio_sha256=name.ljust(64, "0"),
        audio_key=audio_key and f"{audio_key}/{name}", source=source, speaker_id=None,
    )  # fmt: skip


def flag_requests(database: Engine, *names: str, source: str | None = None) -> list[int]:
    """Flag a new request for each name; the ids of the samples."""
    with session(database) as transaction:
        transaction.add_all(request(name, source) for name in names)
    return [flag(database, name, "spoof").id for name in names]


def register_people(database: Engine) -> None:
    """Ann, Bo and Cy are reviewers, Eva is an expert."""
    for name in ("ann", "bo", "cy"):
        add_reviewer(database, name, expert=False)
    add_reviewer(database, "eva", expert=True)


def say(database: Engine, sample_id: int, reviewer: str, answer: Answer) -> SampleState:
    """Take a sample and answer; the state that follows."""
    take_item(database, sample_id, reviewer, RULE)
    submit(database, sample_id, reviewer, answer, f"{reviewer}-{sample_id}-{answer.label}", RULE)
    return SampleState(get_sample(database, sample_id).state)
