"""The table beside packed audio: one clip a line, the columns of its trial, offset and length."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from models.errors import InputError
from models.trials import Partition, Trial

_OPTIONAL = ("speaker_id", "codec", "language", "source", "parent")
_COLUMNS = ("utterance_id", "attack_id", "partition", *_OPTIONAL)
_PLACE = ("offset", "length")


def write_clip_table(path: Path, trials: Sequence[Trial], lengths: Sequence[int]) -> None:
    """Write a line for each clip; offsets follow from the lengths, in samples."""
    extra = sorted({column for trial in trials for column in trial.extra} - {*_COLUMNS, *_PLACE})
    offset = 0
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow([*_COLUMNS, *extra, *_PLACE])
        for trial, length in zip(trials, lengths, strict=True):
            fields = [getattr(trial, column) or "" for column in _COLUMNS]
            more = [trial.extra.get(column, "") for column in extra]
            writer.writerow([*fields, *more, offset, length])
            offset += length


def read_clip_table(path: Path) -> Iterator[dict[str, str]]:
    """The rows of a table; raises InputError where a column is missing."""
    with path.open(encoding="utf-8", newline="") as stream:
        reader = csv.DictReader(stream)
        missing = {*_COLUMNS, *_PLACE} - set(reader.fieldnames or ())
        if missing:
            raise InputError(f"{path}: columns {', '.join(sorted(missing))} expected, not found")
        yield from reader


def trial_of(row: dict[str, str], path: Path) -> Trial:
    """The trial of a row; its audio lies in the packed file at `path`."""
    return Trial(
        utterance_id=row["utterance_id"],
        path=path,
        attack_id=row["attack_id"] or None,
        partition=Partition(row["partition"]) if row["partition"] else None,
        extra={key: row[key] for key in row if key not in {*_COLUMNS, *_PLACE}},
        **{column: row[column] or None for column in _OPTIONAL},
    )
