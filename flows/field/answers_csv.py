"""Every revision of field samples as a table, and back without loss."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime

from infra.review.answers import Answer, region_of
from infra.review.exchange import ExchangedAnswer, ExchangedSample
from models.errors import InputError

CSV_COLUMNS = (
    "request_id", "reviewer", "key", "label", "attack_id", "reasons", "regions", "seconds", "at",
    "undoes",
)  # fmt: skip


def csv_rows(samples: Sequence[ExchangedSample]) -> list[dict[str, str]]:
    """Every revision as a row of CSV_COLUMNS; reasons and regions are JSON."""
    return [_row(answer) for sample in samples for answer in sample.answers]


def answers_of_rows(rows: Sequence[Mapping[str, str]]) -> list[ExchangedAnswer]:
    """The revisions of rows; raises InputError that names the row."""
    return [_read_row(row, place + 2) for place, row in enumerate(rows)]


def _row(exchanged: ExchangedAnswer) -> dict[str, str]:
    answer = exchanged.answer
    columns = {
        "request_id": exchanged.request_id,
        "reviewer": exchanged.reviewer,
        "key": exchanged.key,
        "at": exchanged.at.isoformat() if exchanged.at else "",
        "undoes": exchanged.undoes or "",
    }
    if answer is not None:
        columns |= {
            "label": answer.label,
            "attack_id": answer.attack_id or "",
            "reasons": json.dumps(answer.reasons),
            "regions": json.dumps([asdict(region) for region in answer.regions]),
            "seconds": "" if answer.seconds is None else repr(answer.seconds),
        }
    return {name: columns.get(name, "") for name in CSV_COLUMNS}


def _read_row(row: Mapping[str, str], line: int) -> ExchangedAnswer:
    try:
        regions = json.loads(row["regions"] or "[]")
        answer = Answer(
            label=row["label"],
            attack_id=row["attack_id"] or None,
            reasons=tuple(json.loads(row["reasons"] or "[]")),
            regions=tuple(region_of(region) for region in regions),
            seconds=float(row["seconds"]) if row["seconds"] else None,
        )
        return ExchangedAnswer(
            request_id=row["request_id"],
            reviewer=row["reviewer"],
            key=row["key"],
            answer=answer if row["label"] else None,
            undoes=row["undoes"] or None,
            at=datetime.fromisoformat(row["at"]) if row["at"] else None,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"line {line}: the columns {', '.join(CSV_COLUMNS)} expected "
            f"({type(error).__name__}: {error})"
        ) from error
