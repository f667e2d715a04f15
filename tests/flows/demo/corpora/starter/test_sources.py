"""Which files of a package are human recordings, and whose."""

from __future__ import annotations

from pathlib import Path
from zipfile import ZipFile

import pytest

from flows.demo.corpora.find_recordings import Recording
from flows.demo.corpora.starter.sources import READERS, STARTER_SOURCES
from flows.demo.corpora.starter.zip_archives import unpack_audio
from models.errors import InputError


def put(path: Path, content: bytes = b"x" * 20_000) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def pack(path: Path, members: dict[str, bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def read(package: str, folder: Path) -> dict[str, Recording]:
    return {recording.recording_id: recording for recording in READERS[package](folder)}


def test_stamps_are_read_in_the_languages_of_training_and_in_no_other(tmp_path: Path) -> None:
    stamps = tmp_path / "usr/share/tuxpaint/stamps/animals"
    for name in ("cat_desc_fr", "cat_desc_be", "cat_desc_da", "cat_desc_el", "cat_desc", "cat"):
        put(stamps / f"{name}.ogg")
    put(stamps / "dog_desc_fr.ogg", b"short")
    recordings = read("tuxpaint-stamps-default", tmp_path)
    assert {name: one.language for name, one in recordings.items()} == {
        "tuxpaint_en-animals-cat_desc": "en",
        "tuxpaint_fr-animals-cat_desc_fr": "fr",
    }


def test_hedgehogs_are_one_person_in_english_and_no_robot_sings(tmp_path: Path) -> None:
    voices = tmp_path / "usr/share/games/hedgewars/Data/Sounds/voices"
    packs = ("British", "Pirate", "Robot", "Singer", "Classic", "Default_pl")
    for pack_name in packs:
        put(voices / pack_name / "Hello.ogg")
        put(voices / pack_name / "Ooff1.ogg")
    recordings = read("hedgewars-data", tmp_path)
    assert {one.path.parent.name for one in recordings.values()} == {
        "British", "Pirate", "Default_pl",
    }  # fmt: skip
    assert {one.speaker_id for one in recordings.values()} == {"stephen_alexander", "hedgewars_pl"}
    assert all(one.path.stem == "Hello" for one in recordings.values())


def test_speech_is_found_inside_the_archives_of_games(tmp_path: Path) -> None:
    rally, warzone = tmp_path / "rally", tmp_path / "warzone"
    pack(
        rally / "usr/share/games/trigger-rally/data.zip",
        {"sounds/codriver/ab/LeftLong.wav": b"1" * 90_000, "sounds/codriver/ab/Cut.wav": b"1",
         "sounds/codriver/tim/left.wav": b"2",
         "sounds/bang.wav": b"3"},
    )  # fmt: skip
    pack(
        warzone / "usr/share/games/warzone2100/base.wz",
        {"audio/memressp/power/pcv341.ogg": b"1", "audio/memressp/console/pcv341b.ogg": b"1",
         "audio/memressp/cmndrvoc/com021.ogg": b"2", "audio/taunts/taunt2/haha2.ogg": b"3",
         "audio/taunts/taunt2/wanadie2.ogg": b"4", "audio/nexus/laugh1.ogg": b"5"},
    )  # fmt: skip
    assert set(read("trigger-rally-data", rally)) == {"trigger_rally-LeftLong"}
    prompts = read("warzone2100-data", warzone)
    assert {name: one.speaker_id for name, one in prompts.items()} == {
        "warzone_computer-pcv341b": "warzone_computer",
        "warzone_taunts-wanadie2": "warzone_taunt2",
    }


def test_an_archive_that_is_no_zip_is_named_and_leaves_nothing(tmp_path: Path) -> None:
    put(tmp_path / "data.zip")
    with pytest.raises(InputError, match=r"data\.zip: a zip archive expected"):
        unpack_audio(tmp_path / "data.zip", tmp_path / "speech", "sounds/")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data.zip"]


def test_no_package_that_is_kept_for_measuring_is_a_source() -> None:
    assert {source.package for source in STARTER_SOURCES} == {
        *(f"asterisk-core-sounds-{code}-g722" for code in ("en", "es", "fr", "it", "ru")),
        *("fillets-ng-data-cs", "flight-of-the-amazon-queen", "tuxpaint-stamps-default"),
        *("hedgewars-data", "trigger-rally-data", "warzone2100-data"),
    }
