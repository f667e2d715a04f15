"""Human recordings that Debian ships: who speaks, in which language, and through which codec."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from flows.demo.corpora.game_archive import unpack_speech


@dataclass(frozen=True, slots=True)
class Recording:
    """One human utterance as its publisher made it."""

    recording_id: str
    path: Path
    speaker_id: str
    language: str
    source: str
    codec: str  # a key of flows.demo.corpora.round_trips.CODECS
    licence: str


@dataclass(frozen=True)
class Source:
    """A package, and how its files become recordings."""

    package: str
    recordings: Callable[[Path], Iterator[Recording]]  # of the unpacked package


# language -> (folder, speaker, licence); Allison Smith is one speaker in two languages
PROMPTS: dict[str, tuple[str, str, str]] = {
    "en": ("en_US_f_Allison", "allison_smith", "CC-BY-SA-3.0"),
    "es": ("es_MX_f_Allison", "allison_smith", "CC-BY-SA-3.0"),
    "fr": ("fr_CA_f_June", "june_wallack", "CC-BY-SA-3.0"),
    "it": ("it_IT_m_Carlo", "carlo_flora", "CC-BY-3.0"),
    "ru": ("ru_RU_f_IvrvoiceRU", "ivrvoice_ru", "CC-BY-3.0"),
}
NOT_SPEECH = re.compile(r"beep|tone|ascending|descending|^tt-(?!monkeysintro)|screaming|^silence")
PROMPT_BYTES = range(8_800, 52_000)  # G.722 has 8,000 bytes a second: 1.1 to 6.5 s


def _prompts(language: str) -> Callable[[Path], Iterator[Recording]]:
    folder, speaker, licence = PROMPTS[language]

    def recordings(package: Path) -> Iterator[Recording]:
        for path in sorted((package / "usr/share/asterisk/sounds" / folder).glob("*.g722")):
            if path.stat().st_size in PROMPT_BYTES and not NOT_SPEECH.search(path.stem):
                yield Recording(
                    f"asterisk_{language}-{path.stem}",
                    path,
                    speaker,
                    language,
                    f"asterisk_{language}",
                    "g722",
                    licence,
                )

    return recordings


# Characters of Fish Fillets by level and by the code before the last word of a file's name.
FISH = {"m": "fillets_small", "v": "fillets_big"}
OTHERS: dict[tuple[str, str], str] = {
    ("gods", "b1"): "fillets_neptune",
    ("gods", "b2"): "fillets_poseidon",
    ("linux", "1"): "fillets_linuxer1",
    ("linux", "2"): "fillets_linuxer2",
    ("city", "vit-hs"): "fillets_statue",
    ("pavement", "dir-hs"): "fillets_director",
    ("cabin1", "k1-pap"): "fillets_parrot",
    ("cabin2", "k1-pap"): "fillets_parrot",
    ("corridor", "ch-r"): "fillets_robot",
    ("bathyscaph", "bat-p"): "fillets_telephone",
    ("bathyscaph", "bat-s"): "fillets_snail",
    **{("viking2", f"dr-{number}"): f"fillets_viking{number}" for number in range(1, 9)},
}
OGG_BYTES = range(11_000, 60_000)  # about 9,000 bytes a second


def _fillets(package: Path) -> Iterator[Recording]:
    for path in sorted((package / "usr/share/games/fillets-ng/sound").glob("*/cs/*.ogg")):
        level, code = path.parts[-3], path.stem.rpartition("-")[0]
        speaker = OTHERS.get((level, code)) or FISH.get(code.rpartition("-")[2])
        if speaker and path.stat().st_size in OGG_BYTES:
            yield Recording(
                f"fillets_cs-{level}-{path.stem}",
                path,
                speaker,
                "cs",
                "fillets_cs",
                "vorbis22",
                "GPL-2",
            )


# room, line, J (Joe King, the player) or P (whom he talks to), part of the line
LINE = re.compile(r"^(?P<room>\d\d)[0-9A-F]{4}(?P<who>[JP])\d$")
MP3_BYTES = range(3_000, 13_000)  # 2,000 bytes a second


def _amazon_queen(package: Path) -> Iterator[Recording]:
    archive = package / "usr/share/scummvm/flight-of-the-amazon-queen/queen.1c"
    for path in unpack_speech(archive, package / "speech"):
        line = LINE.match(path.stem)
        if line and path.stat().st_size in MP3_BYTES:
            speaker = "fotaq_joe" if line["who"] == "J" else f"fotaq_room{line['room']}"
            yield Recording(
                f"fotaq-{path.stem}",
                path,
                speaker,
                "en",
                "fotaq",
                "mp3_11",
                "Flight of the Amazon Queen licence (freeware)",
            )


SOURCES: tuple[Source, ...] = (
    *(Source(f"asterisk-core-sounds-{code}-g722", _prompts(code)) for code in PROMPTS),
    Source("fillets-ng-data-cs", _fillets),
    Source("flight-of-the-amazon-queen", _amazon_queen),
)
PACKAGES: tuple[str, ...] = tuple(source.package for source in SOURCES)


def find_recordings(packages: Mapping[str, Path]) -> tuple[Recording, ...]:
    """Every usable recording of the unpacked packages, in a fixed order."""
    return tuple(
        recording for source in SOURCES for recording in source.recordings(packages[source.package])
    )
