"""Rows of numbers by key: computed once, by any number of processes, deleted at any time."""

from __future__ import annotations

import os
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from models.files.row_store import RowStore, prune

KEYS = ["ab12", "ab34", "cd56"]


def numbers(places: list[int]) -> np.ndarray:
    return np.array([[place, place + 0.5] for place in places], np.float32)


def refused(places: list[int]) -> np.ndarray:
    pytest.fail(f"computed again: {places}")


def test_a_row_is_computed_once(tmp_path: Path) -> None:
    store = RowStore(tmp_path, 2)
    first = store.rows(KEYS, numbers)
    again = store.rows(KEYS[::-1], refused)
    assert first.tolist() == numbers([0, 1, 2]).tolist() == again[::-1].tolist()


def test_only_what_is_missing_is_computed(tmp_path: Path) -> None:
    store = RowStore(tmp_path, 2)
    store.rows(KEYS[1:2], lambda _: numbers([7]))
    calls = []

    def compute(places: list[int]) -> np.ndarray:
        calls.append(places)
        return numbers(places)

    assert store.rows(KEYS, compute).tolist() == numbers([0, 7, 2]).tolist()
    assert calls == [[0, 2]]


@pytest.mark.parametrize("damage", [b"", b"\0" * 24, b"x"])
def test_a_damaged_file_is_computed_again(tmp_path: Path, damage: bytes) -> None:
    store = RowStore(tmp_path, 2)
    store.rows(KEYS, numbers)
    (tmp_path / "ab" / "ab12").write_bytes(damage)
    assert store.rows(KEYS[:1], numbers).tolist() == numbers([0]).tolist()
    assert store.rows(KEYS[:1], refused).tolist() == numbers([0]).tolist()


def test_a_row_of_another_width_is_computed_again(tmp_path: Path) -> None:
    RowStore(tmp_path, 2).rows(KEYS, numbers)
    wide = RowStore(tmp_path, 3).rows(KEYS[:1], lambda _: np.ones((1, 3), np.float32))
    assert wide.tolist() == [[1.0, 1.0, 1.0]]


def test_a_folder_that_cannot_be_written_costs_time_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    store = RowStore(tmp_path / "file", 2)
    assert store.rows(KEYS, numbers).tolist() == numbers([0, 1, 2]).tolist()


def test_processes_share_a_store(tmp_path: Path) -> None:
    keys = [f"{number:04x}" for number in range(40)]
    with ProcessPoolExecutor(2) as pool:
        tables = list(pool.map(_table, [tmp_path] * 4, [keys] * 4))
    assert all(table == numbers(list(range(40))).tolist() for table in tables)
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 40


def test_rows_that_were_not_used_for_longest_go_first(tmp_path: Path) -> None:
    store = RowStore(tmp_path / "front", 2)
    store.rows(KEYS, numbers)
    old = time.time() - 7_200
    for key in KEYS:
        os.utime(tmp_path / "front" / key[:2] / key, (old, old))
    store.rows(KEYS[:1], refused)
    size = (tmp_path / "front" / "ab" / "ab12").stat().st_size
    prune(tmp_path, 3 * size)
    assert len(list(tmp_path.rglob("*56"))) == 1  # within the bound nothing goes
    prune(tmp_path, 2 * size)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["ab12"]


def _table(folder: Path, keys: list[str]) -> list[list[float]]:
    rows: list[list[float]] = RowStore(folder, 2).rows(keys, numbers).tolist()
    return rows
