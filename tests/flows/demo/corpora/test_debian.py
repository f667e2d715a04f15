"""Packages come whole, or not at all, and without rights."""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from flows.demo.corpora.debian import fetch_packages, unpack
from flows.demo.corpora.game_archive import unpack_speech
from infra.errors import UnreachableError
from models.errors import InputError

PACKAGE = "asterisk-core-sounds-en-g722"


def test_a_package_that_is_there_needs_no_tools(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "packages" / PACKAGE).mkdir(parents=True)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert fetch_packages([PACKAGE], tmp_path) == {PACKAGE: tmp_path / "packages" / PACKAGE}


def test_a_system_without_apt_is_told_what_it_can_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match=r"needs apt-get and dpkg.*--bonafide DIR and --spoof DIR"):
        fetch_packages([PACKAGE], tmp_path)


@pytest.mark.skipif(shutil.which("apt-get") is None, reason="needs apt-get")
def test_an_unreachable_server_is_said_so_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nobody listens on the discard port
    with pytest.raises(
        UnreachableError, match="packages of the demo corpus could not be downloaded"
    ):
        fetch_packages([PACKAGE], tmp_path)
    assert not (tmp_path / "packages").exists()


def archive(path: Path, members: dict[str, bytes], cut: int = 0) -> Path:
    """A speech archive in the format that ScummVM reads."""
    header = struct.pack(">4s6s2xBH", b"QTBL", b"CEM10", 1, len(members))
    offset = len(header) + 21 * len(members)
    table, content = b"", b""
    for name, data in members.items():
        table += struct.pack(">12sBII", name.encode(), 1, offset + len(content), len(data))
        content += data
    whole = header + table + content
    path.write_bytes(whole[: len(whole) - cut])
    return path


def test_speech_is_unpacked_from_an_archive_and_nothing_else(tmp_path: Path) -> None:
    members = {"020001P2.SB": b"first", "ROOM.PCX": b"a picture", "020006J1.SB": b"second"}
    paths = unpack_speech(archive(tmp_path / "queen.1c", members), tmp_path / "speech")
    assert [(path.name, path.read_bytes()) for path in paths] == [
        ("020001P2.mp3", b"first"),
        ("020006J1.mp3", b"second"),
    ]


def test_an_archive_that_is_cut_leaves_nothing(tmp_path: Path) -> None:
    cut = archive(tmp_path / "queen.1c", {"020001P2.SB": b"first", "020006J1.SB": b"x"}, cut=3)
    with pytest.raises(InputError, match="truncated, 020001P2"):
        unpack_speech(cut, tmp_path / "speech")
    assert [path.name for path in tmp_path.iterdir()] == ["queen.1c"]


def test_a_file_that_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "queen.1c").write_bytes(b"something else altogether")
    with pytest.raises(InputError, match="begins with QTBL"):
        unpack_speech(tmp_path / "queen.1c", tmp_path / "speech")


@pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="needs dpkg")
def test_an_archive_becomes_a_folder_and_is_gone(tmp_path: Path) -> None:
    control = tmp_path / "built" / "DEBIAN" / "control"
    control.parent.mkdir(parents=True)
    control.write_text(
        "Package: tiny\nVersion: 1\nArchitecture: all\nMaintainer: nobody <n@n>\nDescription: x\n"
    )
    (tmp_path / "built" / "speech.txt").write_text("here")
    archive = tmp_path / "tiny_1_all.deb"
    build = ["dpkg-deb", "--build", "--root-owner-group", str(tmp_path / "built"), str(archive)]
    subprocess.run(build, check=True, capture_output=True)
    (tmp_path / "packages" / ".tiny.part").mkdir(parents=True)  # left by an interrupted run
    unpack(archive, tmp_path / "packages" / "tiny")
    assert (tmp_path / "packages" / "tiny" / "speech.txt").read_text() == "here"
    assert not archive.exists()
    with pytest.raises(InputError, match="dpkg cannot unpack it"):
        archive.write_bytes(b"no package")
        unpack(archive, tmp_path / "packages" / "other")
    assert not (tmp_path / "packages" / "other").exists()
