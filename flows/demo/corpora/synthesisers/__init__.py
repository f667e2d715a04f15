"""Synthesisers with their voices, by attack.

SYNTHESISERS come from PyPI with their voices inside, PROGRAM_SYNTHESISERS are packages of Debian,
which are unpacked and not installed: their voices need the folder (`Voice.home`).
"""

from __future__ import annotations

from collections.abc import Mapping

from flows.demo.corpora.synthesisers import espeak, festival, flite, hibari, pico
from flows.demo.corpora.synthesisers.voices import Synthesiser

SYNTHESISERS: dict[str, Synthesiser] = {
    "espeak_ng": Synthesiser(espeak.speak, espeak.VOICES, "GPL-3+ engine, free output"),
    "svox_pico": Synthesiser(pico.speak, pico.VOICES, "Apache-2.0"),
    "hibari": Synthesiser(hibari.speak, hibari.VOICES, "Apache-2.0"),
}
PROGRAM_SYNTHESISERS: dict[str, Synthesiser] = {
    "flite_cg": Synthesiser(flite.speak, flite.VOICES, "BSD-like (CMU)"),
    "festival_diphone": Synthesiser(
        festival.speak, festival.DIPHONES, "BSD-like; Czech and Italian voices GPL-2+"
    ),
    "festival_hts": Synthesiser(festival.speak, festival.HTS, "BSD-like; Catalan voice LGPL-2.1+"),
}
ALL_SYNTHESISERS: dict[str, Synthesiser] = {**SYNTHESISERS, **PROGRAM_SYNTHESISERS}
# attack -> the program that speaks, and its packages
PROGRAMS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "flite_cg": ("flite", flite.PACKAGES),
    "festival_diphone": ("festival", festival.PACKAGES),
    "festival_hts": ("festival", festival.PACKAGES),
}
