"""Synthesisers that come from PyPI with their voices inside; the table SYNTHESISERS."""

from __future__ import annotations

from flows.demo.corpora.synthesisers import espeak, hibari, pico
from flows.demo.corpora.synthesisers.voices import Synthesiser

SYNTHESISERS: dict[str, Synthesiser] = {
    "espeak_ng": Synthesiser(espeak.speak, espeak.VOICES, "GPL-3+ engine, free output"),
    "svox_pico": Synthesiser(pico.speak, pico.VOICES, "Apache-2.0"),
    "hibari": Synthesiser(hibari.speak, hibari.VOICES, "Apache-2.0"),
}
