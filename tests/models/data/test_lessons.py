from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from models.data.lessons import LESSONS, attacks_of, read_lessons, write_lessons
from models.errors import InputError

KEYS = [("field/b,1", "A2"), ("base/a", None), ("base/c", "A1")]


def test_what_was_learnt_from_is_read_back(tmp_path: Path) -> None:
    write_lessons(tmp_path, KEYS)
    assert read_lessons(tmp_path) == frozenset(KEYS)
    assert attacks_of(read_lessons(tmp_path)) == {"A1", "A2"}


def test_the_same_trials_give_the_same_bytes(tmp_path: Path) -> None:
    write_lessons(tmp_path, KEYS)
    first = (tmp_path / LESSONS).read_bytes()
    write_lessons(tmp_path, reversed(KEYS))
    assert (tmp_path / LESSONS).read_bytes() == first


def test_weights_from_elsewhere_have_learnt_from_nothing_known(tmp_path: Path) -> None:
    assert read_lessons(tmp_path) == frozenset()


@pytest.mark.parametrize(
    "content",
    [b"", b"plain", gzip.compress(b""), gzip.compress(b"id\nx\n"), gzip.compress(b"\xff"),
     gzip.compress(b"utterance_id,attack_id\nx\n"), gzip.compress(b"utterance_id")[:12]],
    ids=["empty", "plain", "empty inside", "other column", "no text", "no attack", "cut"],
)  # fmt: skip
def test_a_file_that_is_none_of_ours_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    (tmp_path / LESSONS).write_bytes(content)
    with pytest.raises(InputError, match=rf"{LESSONS}: .*expected"):
        read_lessons(tmp_path)
