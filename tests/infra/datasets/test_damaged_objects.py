"""Objects of the DVC cache whose content is not what their names say."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from infra.datasets.cache_objects import drop_damaged
from infra.datasets.registry import DatasetRegistry
from infra.errors import AbsentError, UnreachableError

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def pushed(tmp_path_factory: pytest.TempPathFactory) -> DatasetRegistry:
    """A registry with a corpus that the remote has too."""
    root = tmp_path_factory.mktemp("state")
    registry = DatasetRegistry(root / "datasets", root / "dvc-cache", str(root / "dvc-remote"))
    registry.open()
    corpus = root / "calls"
    corpus.mkdir()
    (corpus / "a.wav").write_bytes(b"speech" * 10_000)
    (corpus / "b.wav").write_bytes(b"other" * 10_000)
    registry.put_corpus("calls", corpus, "Put calls")
    registry.push()
    registry.export("HEAD", root / "first")
    return registry


def elsewhere(registry: DatasetRegistry, remote: str) -> DatasetRegistry:
    """The same registry with another remote."""
    endpoint = "http://127.0.0.1:9" if "://" in remote else None
    return DatasetRegistry(registry.root, registry.cache, remote, endpoint)


def objects(registry: DatasetRegistry) -> dict[int, Path]:
    """The objects of the cache by size; they are write-protected, so DVC trusts them."""
    files = [p for p in (registry.cache / "files").rglob("*") if p.is_file()]
    assert all(p.stat().st_mode & 0o777 == 0o444 for p in files)
    return {path.stat().st_size: path for path in files}


def damage(path: Path) -> None:
    """Overwrite the middle of an object, as a failing disk or an editor would."""
    path.chmod(0o644)
    with path.open("r+b") as stream:
        stream.seek(20_000)
        stream.write(b"\0" * 19_000)
    path.chmod(0o444)


def test_a_damaged_object_is_fetched_again_from_the_remote(
    pushed: DatasetRegistry, tmp_path: Path
) -> None:
    damage(objects(pushed)[60_000])
    pushed.export("HEAD", tmp_path)
    assert (tmp_path / "calls" / "a.wav").read_bytes() == b"speech" * 10_000


def test_a_damaged_object_that_is_nowhere_else_is_named_with_its_corpus(
    pushed: DatasetRegistry, tmp_path: Path
) -> None:
    alone = elsewhere(pushed, str(tmp_path / "no-remote"))
    damage(objects(pushed)[60_000])
    with pytest.raises(AbsentError) as refusal:
        alone.export("HEAD", tmp_path / "out")
    for word in ("corpus calls", "1 of its objects", "a.wav", "antiphon dataset add calls FOLDER"):
        assert word in str(refusal.value)
    assert not (tmp_path / "out").exists()
    with pytest.raises(AbsentError, match=r"a\.wav"):
        alone.push()  # never over the good copy of a remote

    pushed.put_corpus("calls", pushed.root.parent / "calls", "Put calls")
    alone.export("HEAD", tmp_path / "out")
    assert (tmp_path / "out" / "calls" / "a.wav").read_bytes() == b"speech" * 10_000


def test_a_remote_that_cannot_be_reached_is_no_missing_file(
    pushed: DatasetRegistry, tmp_path: Path
) -> None:
    away = elsewhere(pushed, "s3://antiphon/dvc")
    damage(objects(pushed)[60_000])
    with pytest.raises(UnreachableError, match="s3://antiphon/dvc cannot be used"):
        away.export("HEAD", tmp_path / "out")
    pushed.export("HEAD", tmp_path / "out")


def test_a_workspace_is_mended_when_its_cycle_is_tried_again(
    pushed: DatasetRegistry, tmp_path: Path
) -> None:
    workspace = tmp_path / "cycle"
    pushed.checkout("main", workspace)
    damage(objects(pushed)[60_000])  # the file of the workspace is a link to it
    pushed.link(workspace)
    assert (workspace / "data" / "calls" / "a.wav").read_bytes() == b"speech" * 10_000


def test_an_object_that_did_not_change_is_read_once(tmp_path: Path) -> None:
    content, name = b"speech", "9b4a8a31b4caf3cc5c6205f74950ac14"
    folder = tmp_path / "cache" / "files" / "md5" / name[:2]
    folder.mkdir(parents=True)
    path = folder / name[2:]
    path.write_bytes(content)
    assert drop_damaged(tmp_path / "cache") == []
    stamp = path.stat()
    path.write_bytes(b"Speech")
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert drop_damaged(tmp_path / "cache") == [], "its size, time and inode are as before"
    path.write_bytes(b"Speech")
    assert drop_damaged(tmp_path / "cache") == [name]
    assert not path.exists()


def test_a_record_that_cannot_be_read_is_begun_anew(tmp_path: Path) -> None:
    (tmp_path / "cache" / "files" / "md5").mkdir(parents=True)
    (tmp_path / "cache-checked.db").write_bytes(b"no database" * 1000)
    assert drop_damaged(tmp_path / "cache") == []
