"""Accepted samples that may not train until an expert clears them, and why."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Engine, update

from infra.database import session
from infra.errors import ConflictError
from infra.field_samples import get_sample
from infra.review.sample_states import SampleState
from infra.tables import FieldSample


def hold(engine: Engine, reasons: Mapping[int, str]) -> int:
    """Hold accepted samples that were never held; returns how many."""
    number = 0
    with session(engine) as transaction:
        for sample_id, reason in reasons.items():
            step = (
                update(FieldSample)
                .where(FieldSample.id == sample_id, FieldSample.held.is_(None))
                .where(FieldSample.state == SampleState.ACCEPTED)
                .values(held=reason)
                .returning(FieldSample.id)
            )
            number += transaction.execute(step).first() is not None
    return number


def clear_sample(engine: Engine, sample_id: int) -> None:
    """Let a held sample train, and never hold it again; raises ConflictError if it is not held."""
    step = (
        update(FieldSample)
        .where(FieldSample.id == sample_id, FieldSample.held != "")
        .values(held="")
        .returning(FieldSample.id)
    )
    with session(engine) as transaction:
        is_held = transaction.execute(step).first() is not None
    if not is_held:
        sample = get_sample(engine, sample_id)
        raise ConflictError(f"field sample {sample_id} is {sample.state} and not held")
