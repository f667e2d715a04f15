"""Antiphon's own: a `protocol.csv` or `protocol.parquet` in the corpus's folder.

    utterance_id,path,partition,label,attack_id,speaker_id,language,source,channel,parent
    bona-17,bonafide/17.flac,train,bonafide,,anna,en,studio,g722,
    copy-17,spoof/world/17.flac,train,spoof,world,anna,en,studio,g722,bona-17

Required are utterance_id, path (below the corpus's folder) and label. `channel` is
read as the codec, `parent` names an utterance_id or a path; further columns are kept as they are.
Without the column partition, partitions are drawn.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from models.data.protocols.layout import read_layout, spelt
from models.data.protocols.lines import check_columns, complaint, read_table
from models.errors import InputError
from models.trials import UNKNOWN_ATTACK, Label, Partition, Trial

REQUIRED = ("utterance_id", "path", "label")
FILES = ("protocol.csv", "protocol.parquet")
LABELS = frozenset(Label)
PARTITIONS = frozenset(Partition)
Row = dict[str, str]


def antiphon(root: Path) -> Iterator[Trial]:
    """The trials of the table; a parent given as a path becomes that file's utterance_id."""
    path = _find(root)
    read = read_table if path.suffix.lower() == ".csv" else _read_parquet
    trials = [_trial(path, line, row) for line, row in read(path, REQUIRED)]
    by_path = {str(trial.path): trial.utterance_id for trial in trials}
    for trial in trials:
        parent = trial.parent and by_path.get(f"{path.parent}{os.sep}{trial.parent}")
        yield replace(trial, parent=parent) if parent else trial


def _find(root: Path) -> Path:
    layout = read_layout(root, depth=2)
    paths = [spelt(folder, name) for name in FILES for folder in layout.find(name)[:1]]
    if not paths:
        raise InputError(f"antiphon: {' or '.join(FILES)} is missing under {root}")
    nearest = min(len(path.parts) for path in paths)
    paths = [path for path in paths if len(path.parts) == nearest]
    if len(paths) > 1:
        raise InputError(f"antiphon: {' and '.join(FILES)} are both in {paths[0].parent}: keep one")
    return paths[0]


def _trial(path: Path, line: int, row: Row) -> Trial:
    fields = {column: row.pop(column, "") for column in (*REQUIRED, "parent", "attack_id")}
    codec = row.pop("codec") if "codec" in row else row.pop("channel", "")
    if not fields["utterance_id"]:
        raise complaint(path, line, "utterance_id is empty")
    return Trial(
        utterance_id=fields["utterance_id"],
        path=path.parent / _inside(path, line, fields["path"]),
        attack_id=_attack(path, line, fields["label"], fields["attack_id"]),
        partition=_partition(path, line, row.pop("partition")) if "partition" in row else None,
        speaker_id=row.pop("speaker_id", "") or None,
        codec=codec or None,
        language=row.pop("language", "") or None,
        source=row.pop("source", "") or None,
        parent=fields["parent"].replace("\\", "/") or None,
        extra=row,
    )


def _inside(path: Path, line: int, cell: str) -> str:
    """The path of a row, below the corpus's folder; raises InputError where it leads elsewhere."""
    below = cell.replace("\\", "/")  # a table written on Windows
    first, *rest = below.split("/")
    last = rest[-1] if rest else first
    outside = not first or ":" in first or ".." in (first, *rest)
    if outside or last in ("", ".") or "\0" in below:
        raise complaint(path, line, f"path: a file below {path.parent} expected, found {cell!r}")
    return below


def _attack(path: Path, line: int, label: str, attack_id: str) -> str | None:
    """The attack_id where label and attack_id agree; raises InputError where they do not."""
    if label not in LABELS:
        raise complaint(path, line, f"label: bonafide or spoof expected, found {label!r}")
    if label == Label.SPOOF:
        return attack_id or UNKNOWN_ATTACK
    if attack_id:
        raise complaint(path, line, f"label is bonafide but attack_id is {attack_id!r}")
    return None


def _partition(path: Path, line: int, cell: str) -> Partition:
    if cell not in PARTITIONS:
        raise complaint(path, line, f"partition: {', '.join(Partition)} expected, found {cell!r}")
    return Partition(cell)


def _read_parquet(path: Path, required: tuple[str, ...]) -> Iterator[tuple[int, Row]]:
    """Number and cells of each row, counted from 1."""
    import pyarrow
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.ParquetFile(path).read()
        rows = table.to_pylist()
    except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path}: cannot be read as Parquet ({reason})") from error
    check_columns(str(path), table.column_names, required)
    for number, row in enumerate(rows, start=1):
        yield number, {name: "" if cell is None else str(cell) for name, cell in row.items()}
