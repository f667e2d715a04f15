"""ASVspoof 5, track 1 (Zenodo 14498691): `flac_T`, `flac_D`, `flac_E_eval` and the protocols.

`ASVspoof5.*.tsv` are separated by single spaces, whatever their suffix says, into ten columns:
speaker, utterance, gender, codec, its quality, the utterance before coding, the attacker's
adaptation, attack, key, and one in reserve (README.txt of the release).

    T_4850 T_0000000000 F - - - AC3 A05 spoof -
    E_1607 E_0009538969 F C07 3 E_0006660231 - bonafide bonafide -
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from models.data.protocols.layout import read_layout
from models.data.protocols.lines import extras, present, read_attack, read_fields
from models.trials import Partition, Trial

FILES = {
    Partition.TRAIN: ("ASVspoof5.train.tsv", "flac_T"),
    Partition.DEV: ("ASVspoof5.dev.track_1.tsv", "flac_D"),
    Partition.EVAL: ("ASVspoof5.eval.track_1.tsv", "flac_E_eval"),
}


def asvspoof5(root: Path) -> Iterator[Trial]:
    """The trials of the three partitions."""
    layout = read_layout(root)
    protocols = layout.require("asvspoof5", [name for name, _ in FILES.values()])
    for (partition, (_, folder)), path in zip(FILES.items(), protocols, strict=True):
        audio = layout.audio(folder)
        for line, fields in read_fields(path, 10):
            speaker, utterance_id, gender, codec, quality, seed, tag, attack, key, _ = fields
            yield Trial(
                utterance_id=utterance_id,
                path=audio.path(utterance_id),
                attack_id=read_attack(path, line, key, attack),
                partition=partition,
                speaker_id=present(speaker),
                codec=present(codec),
                language="en",
                extra=extras(gender=gender, codec_q=quality, codec_seed=seed, attack_tag=tag),
            )
