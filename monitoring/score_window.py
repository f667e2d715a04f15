"""Reads the last answers of the champion from the score log, and what reviewers said of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import Engine, Select, select
from sqlalchemy.orm import Session

from infra.database import reading
from infra.field_samples import SampleState
from infra.tables import FieldSample, ScoredRequest
from models.evaluation.reference import REFERENCE_COLUMNS
from models.evaluation.sketch import SKETCH_COLUMNS

if TYPE_CHECKING:
    from pandas import DataFrame

TEXTS = ("request_id", "label")  # the label of a reviewer; None: not accepted
WINDOW_COLUMNS = (*TEXTS, "threshold", *REFERENCE_COLUMNS)


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
    reviewed = select(FieldSample.request_id, FieldSample.label).where(
        FieldSample.state == SampleState.ACCEPTED, FieldSample.label.is_not(None)
    )
    with reading(engine) as transaction:
        labels = {row.request_id: row.label or "" for row in transaction.execute(reviewed)}
        query = _of_one_release(transaction, query)
        return _frame(reversed(transaction.scalars(query).all()), labels)


def _of_one_release(
    transaction: Session, query: Select[tuple[ScoredRequest]]
) -> Select[tuple[ScoredRequest]]:
    """Only the rows whose features were made by the code that made the newest row's."""
    newest = transaction.scalar(query.limit(1))
    return query.where(ScoredRequest.release.is_not_distinct_from(newest and newest.release))


def _frame(requests: Iterable[ScoredRequest], labels: Mapping[str, str]) -> DataFrame:
    import pandas as pd

    records = [
        {
            "request_id": request.request_id,
            "label": labels.get(request.request_id),
            "threshold": request.threshold,
            "cm_score": request.cm_score,
            **request.features,
            **dict(zip(SKETCH_COLUMNS, request.embedding_sketch, strict=False)),
        }
        for request in requests
    ]
    frame = pd.DataFrame(records, columns=list(WINDOW_COLUMNS))
    numbers = [name for name in WINDOW_COLUMNS if name not in TEXTS]
    return frame.astype(dict.fromkeys(numbers, "float64"))
