"""ASVspoof 2021 LA: `ASVspoof2021_LA_eval` (Zenodo 4837263) with `LA-keys-full` beside it.

`keys/LA/CM/trial_metadata.txt` has eight columns: speaker, utterance, codec, transmission,
attack, key, trim, phase. The keys of stage 1 (`keys/CM/`) have a dash in all but the utterance,
key and phase. The meaning of each: github.com/asvspoof-challenge/2021, eval-package/README.md.

    LA_0009 LA_E_9332881 alaw ita_tx A07 spoof notrim eval
    LA_0020 LA_E_7294490 g722 loc_tx bonafide bonafide notrim eval
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from models.data.protocols.asvspoof2021 import check_utterance, find_keys, read_phase
from models.data.protocols.layout import read_layout
from models.data.protocols.lines import extras, present, read_attack, read_fields
from models.trials import Trial


def asvspoof2021_la(root: Path) -> Iterator[Trial]:
    """All trials; the eval partition is the phase `eval`, on which figures are published."""
    layout = read_layout(root)
    path = find_keys(layout, "LA")
    audio = layout.audio("ASVspoof2021_LA_eval", "flac")
    for line, fields in read_fields(path, 8):
        speaker, utterance_id, codec, transmission, attack, key, trim, phase = fields
        check_utterance(path, line, utterance_id, "LA_E_")
        yield Trial(
            utterance_id=utterance_id,
            path=audio.path(utterance_id),
            attack_id=read_attack(path, line, key, attack),
            partition=read_phase(path, line, phase),
            speaker_id=present(speaker),
            codec=present(codec),
            language="en",
            extra=extras(transmission=transmission, trim=trim, phase=phase),
        )
