"""The reviewers, and who of them is an expert."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Engine, delete, func, select
from sqlalchemy.orm import Session

from infra.database import reading, session
from infra.errors import AbsentError
from infra.review.sample_states import ClaimError
from infra.tables import Reviewer

LONGEST_NAME = 128


def add_reviewer(engine: Engine, name: str, *, expert: bool) -> None:
    """Register a reviewer, or change whether one is an expert; earlier answers stay as they are."""
    if not 0 < len(name.strip()) <= LONGEST_NAME:
        raise ClaimError(f"reviewer: a name of 1 to {LONGEST_NAME} characters expected")
    with session(engine) as transaction:
        transaction.merge(Reviewer(name=name, expert=expert, added_at=datetime.now(UTC)))


def remove_reviewer(engine: Engine, name: str) -> None:
    """Take a reviewer from the list; the answers stay. Raises AbsentError."""
    with session(engine) as transaction:
        gone = delete(Reviewer).where(Reviewer.name == name).returning(Reviewer.name)
        if transaction.execute(gone).first() is None:
            raise AbsentError(f"no reviewer named '{name}'")


def list_reviewers(engine: Engine) -> list[Reviewer]:
    """The registered reviewers by name."""
    with reading(engine) as transaction:
        return list(transaction.scalars(select(Reviewer).order_by(Reviewer.name)))


def is_expert(transaction: Session, name: str) -> bool:
    """Whether a reviewer's answer counts as an expert's.

    Where nobody is registered, one person reviews alone, and is the expert.
    """
    reviewer = transaction.get(Reviewer, name)
    if reviewer is not None:
        return reviewer.expert
    return not transaction.scalar(select(func.count()).select_from(Reviewer))
