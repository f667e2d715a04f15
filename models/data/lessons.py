"""Which trials a detector has learnt from, in its folder.

DETECTOR/lessons.csv.gz     utterance_id,attack_id   of every train trial; bona fide: empty
"""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Iterable
from pathlib import Path

from models.errors import InputError
from models.files.whole_files import write_bytes

LESSONS = "lessons.csv.gz"
COLUMNS = ["utterance_id", "attack_id"]
Lessons = frozenset[tuple[str, str | None]]  # (utterance_id, attack_id); None: bona fide


def write_lessons(folder: Path, keys: Iterable[tuple[str, str | None]]) -> None:
    """Write the keys of train trials into a detector's folder, the same bytes for the same keys."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(sorted((utterance_id, attack or "") for utterance_id, attack in keys))
    write_bytes(folder / LESSONS, gzip.compress(text.getvalue().encode(), mtime=0))


def read_lessons(folder: Path) -> Lessons:
    """What the detector of a folder has learnt from; nothing where the folder does not tell.

    Official weights and detectors made before this file was kept do not. Raises InputError naming a
    file that is none of ours.
    """
    path = folder / LESSONS
    if not path.is_file():
        return frozenset()
    try:
        text = gzip.decompress(path.read_bytes()).decode("utf-8")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise InputError(f"{path}: gzipped CSV expected ({error})") from error
    header, *rows = csv.reader(io.StringIO(text)) if text else ([],)
    if header != COLUMNS or any(len(row) != len(COLUMNS) for row in rows):
        raise InputError(f"{path}: rows of {', '.join(COLUMNS)} expected")
    return frozenset((utterance_id, attack or None) for utterance_id, attack in rows)


def attacks_of(lessons: Lessons) -> frozenset[str]:
    """The attacks among them."""
    return frozenset(attack for _, attack in lessons if attack is not None)
