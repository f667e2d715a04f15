"""Human recordings of the starter corpus, beside those that the demo corpus is made of.

A source is a package and a language or a pack of voices in it. What a package holds beside human
speech is left out here by name; `flows.demo.corpora.starter.speech` checks the rest by numbers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from flows.demo.corpora.find_recordings import SOURCES, Recording, Source
from flows.demo.corpora.starter.zip_archives import unpack_audio

STAMPS = "usr/share/tuxpaint/stamps"
# language -> who reads the descriptions, of the package's changelog where it says so
STAMP_READERS: dict[str, str] = {
    "fr": "tuxpaint_fr",
    "ru": "tuxpaint_ru",
    "ro": "tuxpaint_ro",
    "ca": "pere_pujal_carabantes",
    "bg": "krasimir_petkov",
    "es": "estefania_ortiz",
    "en": "tuxpaint_en",
}
STAMP_NAME = re.compile(r"_desc(?:_(?P<language>[a-z]{2}))?\.ogg$")
STAMP_BYTES = range(9_000, 200_000)


def _stamps(package: Path) -> Iterator[Recording]:
    for path in sorted((package / STAMPS).rglob("*_desc*.ogg")):
        match = STAMP_NAME.search(path.name)
        language = (match["language"] or "en") if match else ""
        if language in STAMP_READERS and path.stat().st_size in STAMP_BYTES:
            place = "-".join(path.relative_to(package / STAMPS).with_suffix("").parts)
            yield Recording(
                f"tuxpaint_{language}-{place}",
                path,
                STAMP_READERS[language],
                language,
                f"tuxpaint_{language}",
                "vorbis44",
                "GPL-2",
            )


VOICES = "usr/share/games/hedgewars/Data/Sounds/voices"
# pack -> (source, speaker, language). The credits of the game name one person, Stephen Alexander,
# for voices: the English packs are his here. Robot is an effect, Singer sings, Classic is most
# likely played faster: none of them.
PACKS: dict[str, tuple[str, str, str]] = {
    **{
        pack: ("hedgewars_en", "stephen_alexander", "en")
        for pack in ("British", "Default", "Mobster", "Pirate", "Russian", "Surfer")
    },
    "HillBilly": ("hedgewars_hillbilly", "hedgewars_hillbilly", "en"),
    "Default_es": ("hedgewars_es", "hedgewars_es", "es"),
    "Default_pl": ("hedgewars_pl", "hedgewars_pl", "pl"),
    "Russian_pl": ("hedgewars_russian_pl", "hedgewars_russian_pl", "pl"),
    "Default_ru": ("hedgewars_ru", "hedgewars_ru", "ru"),
    "Default_uk": ("hedgewars_uk", "hedgewars_uk", "uk"),
}
CRIES = re.compile(r"^(Jump|Ow|Ooff|Ouch|Laugh|Poison|Nooo|Firepunch|Kamikaze|Hmm)")


def _hedgehogs(package: Path) -> Iterator[Recording]:
    for pack, (source, speaker, language) in PACKS.items():
        for path in sorted((package / VOICES / pack).glob("*.ogg")):
            if not CRIES.match(path.stem):
                name = f"{source}-{pack}-{path.stem}"
                yield Recording(name, path, speaker, language, source, "vorbis44", "GFDL-1.3")


NOTE_BYTES = range(62_000, 1_000_000)  # 88,200 bytes a second: words of 0.7 s at least


NOTE_BYTES = range(62_000, 1_000_000)  # 88,200 bytes a second: 0.7 s at least


def _codriver(package: Path) -> Iterator[Recording]:
    """The pace notes of one of three co-drivers; the words of the others are too short."""
    archive = package / "usr/share/games/trigger-rally/data.zip"
    folder = unpack_audio(archive, package / "speech", "sounds/codriver/ab/")
    for path in sorted(folder.rglob("*.wav")):
        if path.stat().st_size in NOTE_BYTES:
            name = f"trigger_rally-{path.stem}"
            speaker = "trigger_rally_ab"
            yield Recording(name, path, speaker, "en", "trigger_rally", "unknown", "GPL-2+")


# folder of the archive -> (source, speaker); not: countdown, coltive, nexus, multi, vtoltalk,
# trnsppil, radclick and cmndrvoc, which are radio, noise or voices behind effects
WARZONE: dict[str, tuple[str, str]] = {
    "memressp": ("warzone_computer", "warzone_computer"),
    "extra": ("warzone_computer", "warzone_computer"),
    "proxmessages": ("warzone_computer", "warzone_computer"),
    "tutorial": ("warzone_tutorial", "warzone_tutorial"),
    **{f"taunts/taunt{n}": ("warzone_taunts", f"warzone_taunt{n}") for n in (1, 2, 3)},
}
NO_WORDS = re.compile(r"^ha(ha)*\d$")


def _warzone(package: Path) -> Iterator[Recording]:
    archive = package / "usr/share/games/warzone2100/base.wz"
    root = unpack_audio(archive, package / "speech", "audio/") / "audio"
    known: set[bytes] = set()  # some prompts lie in two folders
    for folder, (source, speaker) in WARZONE.items():
        for path in sorted((root / folder).rglob("*.ogg")):
            content = path.read_bytes()
            if "cmndrvoc" in path.parts or NO_WORDS.match(path.stem) or content in known:
                continue
            known.add(content)
            name = f"{source}-{path.stem}"
            yield Recording(name, path, speaker, "en", source, "vorbis11", "GPL-2+")


STARTER_SOURCES: tuple[Source, ...] = (
    *SOURCES,
    Source("tuxpaint-stamps-default", _stamps),
    Source("hedgewars-data", _hedgehogs),
    Source("trigger-rally-data", _codriver),
    Source("warzone2100-data", _warzone),
)
READERS: dict[str, Callable[[Path], Iterator[Recording]]] = {
    source.package: source.recordings for source in STARTER_SOURCES
}
