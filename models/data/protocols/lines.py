"""Text files line by line, each line with its number, so that a complaint can name the place."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from models.errors import InputError
from models.trials import UNKNOWN_ATTACK, Label

ABSENT = "-"  # how the ASVspoof files write "nothing here"


def complaint(path: Path, line: int, message: str) -> InputError:
    """The error `path:line: message`."""
    return InputError(f"{path}:{line}: {message}")


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Number and text of each line, blank ones too; a byte order mark and CRLF are tolerated."""
    try:
        with path.open(encoding="utf-8-sig") as stream:
            for number, line in enumerate(stream, start=1):
                if "\0" in line:
                    raise complaint(path, number, "text expected, found a NUL byte")
                yield number, line
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: UTF-8 text expected, found other bytes") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error


def read_fields(path: Path, *counts: int) -> Iterator[tuple[int, list[str]]]:
    """Number and fields of each line that is not blank, split at white space.

    Raises InputError where the number of fields is none of `counts`, or there is no line at all.
    """
    empty = True
    for number, line in read_lines(path):
        fields = line.split()
        if len(fields) in counts:
            empty = False
            yield number, fields
        elif fields:
            expected = " or ".join(map(str, counts))
            raise complaint(path, number, f"{expected} fields expected, {len(fields)} found")
    if empty:
        raise InputError(f"{path}: utterances expected, the file is empty")


def read_table(path: Path, required: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Line number and cells by column of each row of a CSV file with a header.

    Cells lose the white space around them. Raises InputError where a required column is absent,
    a column is named twice, or a row is shorter or longer than the header.
    """
    rows = _rows(path)
    first, header = next(rows, (0, []))
    if not first:
        raise InputError(f"{path}: a table expected, the file is empty")
    check_columns(f"{path}:{first}", header, required)
    for number, cells in rows:
        if len(cells) != len(header):
            raise complaint(path, number, f"{len(header)} fields expected, {len(cells)} found")
        yield number, dict(zip(header, cells, strict=True))


def check_columns(place: str, header: Sequence[str], required: Sequence[str]) -> None:
    """Raises InputError where a required column is absent or any column is named twice."""
    absent = [column for column in required if column not in header]
    if absent:
        raise InputError(f"{place}: no column {', '.join(absent)}; found: {', '.join(header)}")
    twice = sorted({column for column in header if header.count(column) > 1})
    if twice:
        raise InputError(f"{place}: column {', '.join(twice)} is named twice")


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader((line for _, line in read_lines(path)), strict=True)
    while True:
        try:
            cells = [cell.strip() for cell in next(reader)]
        except StopIteration:
            return
        except csv.Error as error:
            raise complaint(path, reader.line_num, f"not CSV ({error})") from error
        if any(cells):
            yield reader.line_num, cells


def read_attack(path: Path, line: int, key: str, attack: str) -> str | None:
    """The attack_id of an ASVspoof line: None where its key is `bonafide`.

    Raises InputError where the key is neither class, or contradicts the attack.
    """
    named = attack not in (ABSENT, Label.BONAFIDE.value)
    if key == Label.SPOOF:
        if attack == Label.BONAFIDE:
            raise complaint(path, line, "a spoof whose attack is bonafide")
        return attack if named else UNKNOWN_ATTACK
    if key != Label.BONAFIDE:
        raise complaint(path, line, f"bonafide or spoof expected, found {key!r}")
    if named:
        raise complaint(path, line, f"a bona fide utterance with an attack, {attack!r}")
    return None


def present(field: str) -> str | None:
    """The value of a field, or None where it is a placeholder."""
    return None if field == ABSENT else field


def extras(**fields: str) -> dict[str, str]:
    """Further columns, without those the file leaves absent."""
    return {name: field for name, field in fields.items() if field != ABSENT}
