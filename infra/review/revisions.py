"""A revision is added, and its sample brought to the state that the standing answers come to."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import update
from sqlalchemy.orm import Session

from infra.review.consensus import consensus
from infra.review.reviewers import is_expert
from infra.review.rule import ReviewRule
from infra.review.sample_states import LABELS, SampleState
from infra.review.votes import standing
from infra.tables import FieldSample, LabelRevision


def add_revision(
    transaction: Session, sample: FieldSample, reviewer: str, key: str, **columns: Any
) -> LabelRevision:
    """Add a revision, which has its id then."""
    revision = LabelRevision(
        sample_id=sample.id,
        reviewer=reviewer,
        expert=is_expert(transaction, reviewer),
        key=key,
        **{"at": datetime.now(UTC), **columns},
    )
    transaction.add(revision)
    transaction.flush()
    return revision


def settle(transaction: Session, sample: FieldSample, reviewer: str, rule: ReviewRule) -> None:
    """Bring the sample to the state that its standing answers come to."""
    agreed = consensus(standing(transaction, sample.id), rule)
    values: dict[str, Any] = {"awaits_expert": agreed.awaits_expert}
    if agreed.label is None:
        values |= {"state": SampleState.IN_REVIEW, "label": None, "attack_id": None}
        values |= {"reviewer": None, "reviewed_at": None, "dataset_revision": None}
    else:
        state = SampleState.ACCEPTED if agreed.label in LABELS else SampleState.REJECTED
        values |= {"state": state, "label": agreed.label, "attack_id": agreed.attack_id}
        values |= {"reviewer": reviewer, "reviewed_at": datetime.now(UTC)}
        if (agreed.label, agreed.attack_id) != (sample.label, sample.attack_id):
            values["dataset_revision"] = None  # what a dataset holds is not this label
    decided = (SampleState.IN_REVIEW, SampleState.ACCEPTED, SampleState.REJECTED)
    step = update(FieldSample).where(FieldSample.id == sample.id, FieldSample.state.in_(decided))
    transaction.execute(step.values(**values))


def derived_key(key: str, sample_id: int) -> str:
    """The key of one of many revisions that one request makes."""
    return hashlib.sha256(f"{key} {sample_id}".encode()).hexdigest()[:40]
