"""A folder and a bucket are the same store."""

from __future__ import annotations

import threading
import uuid
from pathlib import Path

import pytest

from infra.errors import AbsentError, ConflictError, UnreachableError
from infra.settings import settings
from infra.storage import ObjectStore, open_store


@pytest.fixture(params=["folder", "s3"])
def store(
    request: pytest.FixtureRequest, state: Path, monkeypatch: pytest.MonkeyPatch
) -> ObjectStore:
    assert state.is_dir()
    if request.param == "s3":
        request.getfixturevalue("s3")
        monkeypatch.setenv("ANTIPHON_OBJECT_STORE", f"s3://antiphon/{uuid.uuid4().hex}")
    return open_store(settings())


def test_what_was_put_is_got(store: ObjectStore) -> None:
    store.put("audio/1.flac", b"first")
    store.put("audio/1.flac", b"second")
    assert store.get("audio/1.flac") == b"second"
    assert store.exists("audio/1.flac")


def test_an_object_becomes_a_file_that_outlives_it(store: ObjectStore, tmp_path: Path) -> None:
    store.put("audio/1.flac", b"first" * 500_000)
    store.fetch("audio/1.flac", tmp_path / "copy")
    store.delete("audio/1.flac")
    assert (tmp_path / "copy").read_bytes() == b"first" * 500_000
    with pytest.raises(AbsentError, match=r"audio/1\.flac: no such object"):
        store.fetch("audio/1.flac", tmp_path / "other")


def test_an_object_that_is_not_there_is_an_answer(store: ObjectStore) -> None:
    assert not store.exists("audio/1.flac")
    with pytest.raises(AbsentError, match=r"audio/1\.flac: no such object"):
        store.get("audio/1.flac")
    store.delete("audio/1.flac")


def test_a_deleted_object_is_gone(store: ObjectStore) -> None:
    store.put("audio/1.flac", b"x")
    store.delete("audio/1.flac")
    assert not store.exists("audio/1.flac")
    assert store.list() == []


def test_keys_are_listed_by_prefix(store: ObjectStore) -> None:
    for key in ("b/2", "a/1", "b/1"):
        store.put(key, b"x")
    assert store.list() == ["a/1", "b/1", "b/2"]
    assert store.list("b/") == ["b/1", "b/2"]


def test_what_must_be_new_never_replaces(store: ObjectStore) -> None:
    store.put("a", b"first", only_if_new=True)
    with pytest.raises(ConflictError, match="a: there is such an object already"):
        store.put("a", b"second", only_if_new=True)
    assert store.get("a") == b"first"
    assert store.list() == ["a"]


@pytest.mark.parametrize(
    "key",
    ["", "/etc/passwd", "../x", "a/../../x", "a//b", "a/", "./a", "a\\..\\b", "a\0b", ".part-1",
     "a" * 600, "ä"],
)  # fmt: skip
def test_no_key_leads_out_of_the_store(store: ObjectStore, key: str) -> None:
    for use in (store.get, store.delete, store.exists, lambda k: store.put(k, b"x")):
        with pytest.raises(ValueError, match="object key"):
            use(key)


def test_a_reader_never_sees_a_part(state: Path) -> None:
    assert state.is_dir()
    store = open_store(settings())
    old, new = b"o" * 2_000_000, b"n" * 2_000_000
    store.put("a", old)
    over = threading.Event()
    contents: set[bytes] = set()

    def read() -> None:
        while not over.is_set():
            contents.add(store.get("a"))

    reader = threading.Thread(target=read)
    reader.start()
    for data in (new, old) * 10:
        store.put("a", data)
    over.set()
    reader.join()
    assert contents <= {old, new}


def test_a_folder_that_cannot_be_used_is_an_outage(state: Path) -> None:
    (state / "objects").write_text("in the way")
    with pytest.raises(UnreachableError, match="cannot be used"):
        open_store(settings()).put("a", b"x")


@pytest.mark.usefixtures("s3")
def test_a_bucket_that_is_not_there_is_an_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTIPHON_OBJECT_STORE", "s3://no-such-bucket")
    with pytest.raises(UnreachableError, match="s3://no-such-bucket"):
        open_store(settings()).get("a")


@pytest.mark.usefixtures("s3")
def test_a_dead_server_is_an_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTIPHON_OBJECT_STORE", "s3://antiphon")
    monkeypatch.setenv("ANTIPHON_S3_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(UnreachableError, match="cannot be reached"):
        open_store(settings()).exists("a")
