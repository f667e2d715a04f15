"""The dataset registry, with real git and real DVC."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.datasets.registry import DatasetRegistry
from infra.errors import SettingsError
from infra.machine.commands import git

pytestmark = pytest.mark.slow


def make_registry(root: Path) -> DatasetRegistry:
    registry = DatasetRegistry(root / "datasets", root / "dvc-cache", str(root / "dvc-remote"))
    registry.open()
    return registry


def make_corpus(folder: Path, **files: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.txt").write_text(text)
    return folder


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> tuple[DatasetRegistry, str, str, Path]:
    """A registry with two versions of one corpus."""
    root = tmp_path_factory.mktemp("state")
    registry = make_registry(root)
    first = registry.put_corpus("base", make_corpus(root / "a", one="1"), "Add base")
    second = registry.put_corpus("base", make_corpus(root / "b", one="1", two="2"), "Grow base")
    return registry, first, second, root


def test_each_version_gives_back_what_was_put_into_it(
    versions: tuple[DatasetRegistry, str, str, Path], tmp_path: Path
) -> None:
    registry, first, second, _ = versions
    registry.checkout(first, tmp_path / "old")
    registry.checkout(second, tmp_path / "new")
    assert [p.name for p in (tmp_path / "old/data/base").iterdir()] == ["one.txt"]
    assert (tmp_path / "new/data/base/two.txt").read_text() == "2"
    assert registry.head() == second
    assert registry.corpora() == ("base",)


def test_the_same_content_again_is_the_same_version(
    versions: tuple[DatasetRegistry, str, str, Path],
) -> None:
    registry, _, second, root = versions
    assert registry.put_corpus("base", root / "b", "Again") == second


def test_a_lost_cache_is_refilled_from_the_remote(
    versions: tuple[DatasetRegistry, str, str, Path], tmp_path: Path
) -> None:
    registry, _, second, root = versions
    registry.push()
    elsewhere = DatasetRegistry(registry.root, tmp_path / "empty-cache", str(root / "dvc-remote"))
    elsewhere.checkout(second, tmp_path / "copy")
    assert (tmp_path / "copy/data/base/two.txt").read_text() == "2"


def test_the_registry_commits_without_a_configured_git_author(
    versions: tuple[DatasetRegistry, str, str, Path],
) -> None:
    registry, *_ = versions
    assert git(registry.root, "log", "-1", "--format=%an <%ae>") == "antiphon <antiphon@localhost>"


def test_a_corpus_name_that_is_a_path_is_refused(
    versions: tuple[DatasetRegistry, str, str, Path],
) -> None:
    registry, _, _, root = versions
    with pytest.raises(SettingsError, match="letters, digits"):
        registry.put_corpus("../base", root / "a", "Escape")
