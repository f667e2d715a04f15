"""Which synthetic voices the starter corpus hears in which part: none of train elsewhere."""

from __future__ import annotations

from collections.abc import Mapping

from flows.demo.corpora.synthesisers import ALL_SYNTHESISERS
from flows.demo.corpora.synthesisers.voices import Part, Voice


def _espeak(variants: str, languages: str) -> tuple[Voice, ...]:
    return tuple(
        Voice(f"{language}+{variant}", f"{language}+{variant}", language.partition("-")[0])
        for variant in variants.split()
        for language in languages.split()
    )


# eSpeak NG speaks the languages of all sources
ESPEAK: dict[Part, tuple[Voice, ...]] = {
    Part.TRAIN: _espeak("m1 f1 m3 steph m7 Annie Andy", "en-us fr es cs ru bg"),
    Part.DEV: _espeak("m2 belinda Michael aunty", "it en-us cs ro uk"),
    Part.EVAL: _espeak("m5 f4 Mario anika m6", "ru en-us cs ca es pl"),
}
VOICES: dict[str, Mapping[Part, tuple[Voice, ...]]] = {
    **{attack_id: synthesiser.voices for attack_id, synthesiser in ALL_SYNTHESISERS.items()},
    "espeak_ng": ESPEAK,
}
