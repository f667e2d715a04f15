"""The seal: one byte altered anywhere, a file more or less, or another key is found and named."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.commands.evidence import app
from flows.evidence.sealing import BrokenSealError, check_seal
from infra.settings import settings
from infra.signing import SigningKey, TrustedKeys, signing_key

FILES = (
    "case.json",
    "evidence.json",
    "index.html",
    "manifest.json",
    "model-card.md",
    "report.json",
    "scores/bonafide-hard.candidate.csv.gz",
    "scores/bonafide-hard.champion.csv.gz",
    "scores/frozen.candidate.csv.gz",
    "scores/frozen.champion.csv.gz",
    "scores/frozen.slices.json",
    "signature",
    "verdict.json",
)


@pytest.fixture
def trusted(key: SigningKey) -> TrustedKeys:
    return TrustedKeys({key.id: key.private.public_key()})


@pytest.fixture
def folder(written: Path, tmp_path: Path) -> Path:
    """A copy to be damaged."""
    return Path(shutil.copytree(written, tmp_path / "folder"))


def test_a_folder_as_it_was_signed_is_whole(folder: Path, trusted: TrustedKeys) -> None:
    seal = check_seal(folder, trusted)
    assert (seal.verdict, seal.run_id, seal.files) == ("reject", "r" * 32, len(FILES) - 2)
    there = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert there == set(FILES)


@pytest.mark.parametrize("name", FILES)
def test_one_altered_byte_of_any_file_is_found(
    name: str, folder: Path, trusted: TrustedKeys
) -> None:
    good = (folder / name).read_bytes()
    for place in {0, len(good) // 3, len(good) // 2, len(good) - 2, len(good) - 1}:
        for flipped in (0x01, 0x20, 0x80):  # 0x20: another case of a letter
            altered = bytearray(good)
            altered[place] ^= flipped
            (folder / name).write_bytes(altered)
            with pytest.raises(BrokenSealError) as error:
                check_seal(folder, trusted)
            named = "manifest.json" if name == "signature" else name
            assert named in str(error.value), f"byte {place}"
    (folder / name).write_bytes(good)
    check_seal(folder, trusted)


@pytest.mark.parametrize(("name", "step"), [("manifest.json", 7), ("signature", 1)])
def test_every_byte_of_what_is_not_hashed_counts(
    name: str, step: int, folder: Path, trusted: TrustedKeys
) -> None:
    good = (folder / name).read_bytes()
    for place in range(0, len(good), step):
        (folder / name).write_bytes(good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :])
        with pytest.raises(BrokenSealError):
            check_seal(folder, trusted)


@pytest.mark.parametrize("name", FILES)
def test_a_byte_more_or_less_is_found(name: str, folder: Path, trusted: TrustedKeys) -> None:
    good = (folder / name).read_bytes()
    for other in (good + b"\n", good[:-1], b""):
        (folder / name).write_bytes(other)
        with pytest.raises(BrokenSealError):
            check_seal(folder, trusted)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(name: str, folder: Path, trusted: TrustedKeys) -> None:
    (folder / name).unlink()
    with pytest.raises(BrokenSealError, match=name):
        check_seal(folder, trusted)


@pytest.mark.parametrize("name", ["more.txt", ".hidden", "scores/sentinel.candidate.csv.gz"])
def test_an_added_file_is_named(name: str, folder: Path, trusted: TrustedKeys) -> None:
    (folder / name).write_text("added")
    with pytest.raises(BrokenSealError, match=f"{name} was added"):
        check_seal(folder, trusted)


def test_a_link_or_an_empty_folder_is_not_taken_for_a_file(
    folder: Path, trusted: TrustedKeys
) -> None:
    (folder / "empty").mkdir()
    with pytest.raises(BrokenSealError, match="empty is an empty folder"):
        check_seal(folder, trusted)
    (folder / "empty").rmdir()
    page = folder / "index.html"
    elsewhere = Path(shutil.move(page, folder.parent / "index.html"))
    page.symlink_to(elsewhere)
    with pytest.raises(BrokenSealError, match=r"index\.html is no plain file"):
        check_seal(folder, trusted)


def test_two_files_that_changed_places_are_found(folder: Path, trusted: TrustedKeys) -> None:
    one, two = (folder / f"scores/frozen.{side}.csv.gz" for side in ("candidate", "champion"))
    shutil.move(one, folder / "aside")
    shutil.move(two, one)
    shutil.move(folder / "aside", two)
    with pytest.raises(BrokenSealError, match=r"frozen\.candidate\.csv\.gz was altered"):
        check_seal(folder, trusted)


def test_the_seal_of_a_stranger_does_not_count(folder: Path) -> None:
    with pytest.raises(BrokenSealError, match=r"manifest\.json is signed with key .* not trusted"):
        check_seal(folder, TrustedKeys({}))


def test_the_command_answers_in_one_line(
    folder: Path, state: Path, key: SigningKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = CliRunner()
    signing_key(settings())  # of this machine, which did not sign the folder
    stranger = runner.invoke(app, ["verify", str(folder)])
    assert stranger.exit_code == 1
    assert "not trusted" in stranger.stderr and stranger.stdout == ""

    shutil.copytree(folder, state / "other")
    trust(key, state / "signing/other.pub")
    whole = runner.invoke(app, ["verify", str(folder)])
    assert whole.exit_code == 0
    assert whole.stdout.count("\n") == 1
    assert f"{len(FILES) - 2} files as signed by key {key.id}" in whole.stdout
    assert whole.stdout.endswith("is reject\n")

    page = folder / "index.html"
    page.write_bytes(page.read_bytes().replace(b"REJECT", b"REJECt"))
    monkeypatch.chdir(folder.parent)
    broken = runner.invoke(app, ["verify", folder.name])
    assert broken.exit_code == 1
    assert broken.stderr == "antiphon: folder: index.html was altered after it was signed\n"


def trust(key: SigningKey, path: Path) -> None:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    public = key.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    path.write_bytes(public)
