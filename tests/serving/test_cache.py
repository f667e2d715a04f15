"""The cache of fetched versions is whole or empty, and belongs to one registry."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from models.errors import InputError
from models.files.manifest import GRAPH
from serving.cache import CAPACITY, ChampionCache


@pytest.fixture
def cache(tmp_path: Path) -> ChampionCache:
    return ChampionCache(tmp_path / "cache", "sqlite:///one.db")


def copying(source: Path) -> Callable[[Path], Path]:
    return lambda into: Path(shutil.copytree(source, into / "detector"))


def refusing(_: Path) -> Path:
    raise AssertionError("nothing had to be fetched")


def test_a_version_is_fetched_once(cache: ChampionCache, versions: dict[int, Path]) -> None:
    placed = cache.place(1, "runs/a", copying(versions[1]))
    assert cache.place(1, "runs/a", refusing) == placed


def test_a_folder_that_was_damaged_is_fetched_again(
    cache: ChampionCache, versions: dict[int, Path]
) -> None:
    placed = cache.place(1, "runs/a", copying(versions[1]))
    (placed / GRAPH).write_bytes(b"bits rot")
    assert (cache.place(1, "runs/a", copying(versions[1])) / GRAPH).read_bytes() != b"bits rot"


def test_a_broken_fetch_leaves_nothing_behind(
    cache: ChampionCache, versions: dict[int, Path], tmp_path: Path
) -> None:
    def broken(into: Path) -> Path:
        fetched = copying(versions[1])(into)
        (fetched / GRAPH).write_bytes(b"half of it")
        return fetched

    with pytest.raises(InputError, match="differ from the hash"):
        cache.place(1, "runs/a", broken)
    assert list((tmp_path / "cache").iterdir()) == []


def test_versions_of_another_registry_are_not_mixed_up(
    cache: ChampionCache, versions: dict[int, Path], tmp_path: Path
) -> None:
    cache.remember(1, cache.place(1, "runs/a", copying(versions[1])))
    other = ChampionCache(tmp_path / "cache", "sqlite:///two.db")
    assert other.last() is None
    assert other.place(1, "runs/b", copying(versions[2])) != cache.place(1, "runs/a", refusing)
    last = cache.last()
    assert last is not None
    assert last[0] == 1


def test_old_folders_are_dropped(
    cache: ChampionCache, versions: dict[int, Path], tmp_path: Path
) -> None:
    for number in range(1, CAPACITY + 4):
        cache.remember(number, cache.place(number, "runs/a", copying(versions[1])))
    assert len(list((tmp_path / "cache").glob("version-*"))) == CAPACITY


@pytest.mark.parametrize("note", ["", "[]", '{"version": "x"}', '{"version": 1}'])
def test_an_unreadable_note_is_no_version(cache: ChampionCache, tmp_path: Path, note: str) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "last-champion.json").write_text(note)
    assert cache.last() is None
