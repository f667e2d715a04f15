"""Reads the last answers of the champion from the score log."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import Engine, Select, select
from sqlalchemy.orm import Session

from infra.database import reading
from infra.tables import ScoredRequest
from models.evaluation.reference import REFERENCE_COLUMNS
from models.evaluation.sketch import SKETCH_COLUMNS

if TYPE_CHECKING:
    from pandas import DataFrame


def read_window(
    engine: Engine, model_version: int, rows: int, after: datetime | None = None
) -> DataFrame:
    """The last `rows` requests that one version answered, oldest first, or fewer.

    With `after`, only requests since then: traffic that has led to a cycle does not count twice.
    All rows are of the release that answered last. Features that a row does not have are NaN.
    """
    query = (
        select(ScoredRequest)
        .where(ScoredRequest.model_version == model_version)
        .order_by(ScoredRequest.scored_at.desc(), ScoredRequest.request_id.desc())
        .limit(rows)
    )
    if after is not None:
        query = query.where(ScoredRequest.scored_at > after)
    with reading(engine) as transaction:
        query = _of_one_release(transaction, query)
        return _frame(reversed(transaction.scalars(query).all()))


def _of_one_release(
    transaction: Session, query: Select[tuple[ScoredRequest]]
) -> Select[tuple[ScoredRequest]]:
    """Only the rows whose features were made by the code that made the newest row's."""
    newest = transaction.scalar(query.limit(1))
    return query.where(ScoredRequest.release.is_not_distinct_from(newest and newest.release))


def _frame(requests: Iterable[ScoredRequest]) -> DataFrame:
    import pandas as pd

    records = [
        {
            "cm_score": request.cm_score,
            **request.features,
            **dict(zip(SKETCH_COLUMNS, request.embedding_sketch, strict=False)),
        }
        for request in requests
    ]
    return pd.DataFrame(records, columns=list(REFERENCE_COLUMNS), dtype="float64")
