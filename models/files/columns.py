"""Tables of text as columns: whitespace, CSV, TSV or Parquet, plain or gzipped.

A million lines in a second or two, and still every complaint knows its line.
"""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from models.errors import InputError

# What a header may call a column -> what it is called here.
HEADERS = {
    "utterance_id": "utterance_id",
    "filename": "utterance_id",  # ASVspoof 5 evaluation package
    "file": "utterance_id",  # In-the-Wild meta.csv
    "cm_score": "cm_score",
    "cm-score": "cm_score",  # ASVspoof 5 evaluation package
    "label": "label",
    "cm-label": "label",  # ASVspoof 5 evaluation package
    "attack_id": "attack_id",
    "speaker_id": "speaker_id",
    "speaker": "speaker_id",  # In-the-Wild meta.csv
    "source": "source",
    "cluster": "cluster",
    "partition": "partition",
}
_GZIP, _PARQUET, _BYTE_ORDER_MARK = b"\x1f\x8b", b"PAR1", b"\xef\xbb\xbf"
_SPACES = np.isin(np.arange(256), list(b" \t\n\r\x0b\x0c"))


@dataclass(frozen=True)
class Columns:
    """A table: its columns by name, or by position where there was no header."""

    path: Path
    named: Mapping[str, list[str]] = field(default_factory=dict)
    positional: Sequence[list[str]] = ()
    lines: Sequence[int] | NDArray[np.int64] = ()  # of each row; empty: rows have no lines

    def name(self, layouts: Mapping[int, Sequence[str]]) -> Mapping[str, list[str]]:
        """The columns by name: the header's, or those of the layout with as many columns."""
        if self.named:
            return self.named
        layout = layouts.get(len(self.positional))
        if layout is None:
            widths = " or ".join(str(width) for width in layouts)
            self.refuse(0, f"{widths} columns expected, found {len(self.positional)}")
        return {
            name: column
            for name, column in zip(layout, self.positional, strict=True)
            if name != "-"
        }

    def numbers(self, texts: Sequence[str], what: str) -> NDArray[np.float64]:
        """A column as finite numbers (rows,); raises InputError naming the line."""
        try:
            numbers = np.array([float(text) for text in texts])
        except ValueError:
            row = next(row for row, text in enumerate(texts) if not _is_number(text))
            self.refuse(row, f"a number as {what} expected, found {texts[row]!r}")
        for row in np.flatnonzero(~np.isfinite(numbers))[:1]:
            self.refuse(int(row), f"a finite number as {what} expected, found {texts[row]}")
        return numbers

    def refuse(self, row: int, complaint: str) -> NoReturn:
        """Raise InputError naming the file and the line of a row."""
        place = f"{self.path}:{self.lines[row]}" if len(self.lines) else f"{self.path}: row {row}"
        raise InputError(f"{place}: {complaint}")


def read_columns(path: Path) -> Columns:
    """Read a table of any of the known kinds, recognised by content; raises InputError."""
    data = _contents(path)
    if data.startswith(_PARQUET):
        return _parquet(path, data)
    data = data.removeprefix(_BYTE_ORDER_MARK)
    if not data.strip():
        raise InputError(f"{path}: the file is empty")
    first = data.lstrip().split(b"\n", 1)[0].decode(errors="replace").rstrip("\r")
    if first.startswith("#"):
        raise InputError(f"{path}: begins with #, comments are not read; rows or a header expected")
    for delimiter in ",\t":
        cells = first.split(delimiter)
        if any(map(_column, cells)) and not any(map(_is_number, cells)):
            return _delimited(path, _text(path, data), delimiter)
    return _whitespace(path, data)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _column(header: str) -> str | None:
    return HEADERS.get(header.strip().strip('"').lower())


def _contents(path: Path) -> bytes:
    try:
        data = path.read_bytes()
        return gzip.decompress(data) if data.startswith(_GZIP) else data
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError(f"{path}: damaged gzip file ({error})") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error


def _text(path: Path, data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(f"{path}:{line}: text in UTF-8 expected") from error


def _parquet(path: Path, data: bytes) -> Columns:
    import pyarrow as pa  # a bare GPU worker trains without it
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(io.BytesIO(data))
        names = [name for name in file.schema_arrow.names if _column(name)]
        table = file.read(columns=names)
    except pa.ArrowException as error:
        raise InputError(f"{path}: cannot be read as Parquet ({error})") from error
    if not table.num_rows or not names:
        raise InputError(f"{path}: rows with a column utterance_id expected, none found")
    columns = (table.column(name).to_pylist() for name in names)
    texts = (["" if value is None else str(value) for value in column] for column in columns)
    return Columns(path, dict(zip(map(str, map(_column, names)), texts, strict=True)))


def _delimited(path: Path, text: str, delimiter: str) -> Columns:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        table = [(reader.line_num, row) for row in reader if row]
    except csv.Error as error:
        raise InputError(f"{path}:{reader.line_num}: {error}") from error
    header, rows = table[0][1], [row for _, row in table[1:]]
    lines = [line for line, _ in table[1:]]
    if not rows:
        raise InputError(f"{path}: a header without rows")
    empty = Columns(path, lines=lines)
    for index, row in enumerate(rows):
        if len(row) != len(header):
            empty.refuse(index, f"{len(header)} fields expected, {len(row)} found")
    named = {
        name: list(column)
        for name, column in zip(map(_column, header), zip(*rows, strict=True), strict=True)
        if name
    }
    return Columns(path, named, lines=lines)


def _whitespace(path: Path, data: bytes) -> Columns:
    lines, widths = _widths(data)
    width = int(widths[0])
    for row in np.flatnonzero(widths != width)[:1]:
        Columns(path, lines=lines).refuse(int(row), f"{width} fields expected, {widths[row]} found")
    _text(path, data)  # refused here, where the line is still known
    tokens = data.split()
    columns = [b"\n".join(tokens[nth::width]).decode().split("\n") for nth in range(width)]
    names = [_column(column[0]) for column in columns]
    known = [name for name in names if name]
    row = any(_is_number(column[0]) for column in columns)  # an utterance may be called `file`
    if row or "utterance_id" not in known or len(known) < 2:
        return Columns(path, positional=columns, lines=lines)
    named = {name: column[1:] for name, column in zip(names, columns, strict=True) if name}
    return Columns(path, named, lines=lines[1:])


def _widths(data: bytes) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Line numbers (rows,) of the lines that are not blank, and how many fields (rows,) each has.

    Counted on the bytes: a field begins where a space, or the beginning, precedes no space.
    """
    characters = np.frombuffer(data, dtype=np.uint8)
    space = _SPACES[characters]
    begins = ~space
    begins[1:] &= space[:-1]
    newlines = np.flatnonzero(characters == ord("\n"))
    line_of_field = np.searchsorted(newlines, np.flatnonzero(begins))
    rows, widths = np.unique(line_of_field, return_counts=True)
    return rows + 1, widths
