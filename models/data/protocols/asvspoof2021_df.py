"""ASVspoof 2021 DF: four archives `ASVspoof2021_DF_eval_part00` to `03` (Zenodo 4835108), keys.

`DF-keys-full/keys/DF/CM/trial_metadata.txt` has thirteen columns: speaker, utterance, codec,
source, attack, key, trim, phase, vocoder, and of the Voice Conversion Challenges task, team,
gender and language. The keys of stage 1 (`keys/CM/`) have the first eight, most of them dashes.

    LA_0023 DF_E_2000011 nocodec asvspoof A14 spoof notrim progress traditional_vocoder - - - -
    TEF2 DF_E_2000013 low_m4a vcc2020 Task1-team20 spoof notrim eval neural_vocoder_nonautoregressive Task1 team20 FF E
"""  # noqa: E501  a line of the file

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from models.data.protocols.asvspoof2021 import check_utterance, find_keys, read_phase
from models.data.protocols.layout import read_layout
from models.data.protocols.lines import extras, present, read_attack, read_fields
from models.trials import Trial

FURTHER = ("vocoder", "task", "team", "gender", "vcc_language")


def asvspoof2021_df(root: Path) -> Iterator[Trial]:
    """All trials; the eval partition is the phase `eval`, on which figures are published."""
    layout = read_layout(root)
    path = find_keys(layout, "DF")
    audio = layout.audio("ASVspoof2021_DF_eval", "flac")
    for line, fields in read_fields(path, 8, 13):
        speaker, utterance_id, codec, source, attack, key, trim, phase = fields[:8]
        check_utterance(path, line, utterance_id, "DF_E_")
        further = dict(zip(FURTHER, fields[8:], strict=False))  # none in the keys of stage 1
        yield Trial(
            utterance_id=utterance_id,
            path=audio.path(utterance_id),
            attack_id=read_attack(path, line, key, attack),
            partition=read_phase(path, line, phase),
            speaker_id=present(speaker),
            codec=present(codec),
            source=present(source),
            extra=extras(trim=trim, phase=phase, **further),
        )
