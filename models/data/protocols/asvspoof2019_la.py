"""ASVspoof 2019 LA, as `LA.zip` of the University of Edinburgh unpacks (doi:10.7488/ds/2555).

`ASVspoof2019_LA_cm_protocols/ASVspoof2019.LA.cm.train.trn.txt` has five columns, of which the
third means something in the PA scenario only:

    LA_0079 LA_T_1138215 - - bonafide
    LA_0079 LA_T_1272637 - A01 spoof
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from models.data.protocols.layout import read_layout
from models.data.protocols.lines import present, read_attack, read_fields
from models.trials import Partition, Trial

FILES = {
    Partition.TRAIN: ("ASVspoof2019.LA.cm.train.trn.txt", "ASVspoof2019_LA_train"),
    Partition.DEV: ("ASVspoof2019.LA.cm.dev.trl.txt", "ASVspoof2019_LA_dev"),
    Partition.EVAL: ("ASVspoof2019.LA.cm.eval.trl.txt", "ASVspoof2019_LA_eval"),
}


def asvspoof2019_la(root: Path) -> Iterator[Trial]:
    """The trials of the three partitions."""
    layout = read_layout(root)
    protocols = layout.require("asvspoof2019-la", [name for name, _ in FILES.values()])
    for (partition, (_, folder)), path in zip(FILES.items(), protocols, strict=True):
        audio = layout.audio(folder, "flac")
        for line, (speaker, utterance_id, _, attack, key) in read_fields(path, 5):
            yield Trial(
                utterance_id=utterance_id,
                path=audio.path(utterance_id),
                attack_id=read_attack(path, line, key, attack),
                partition=partition,
                speaker_id=present(speaker),
                language="en",
            )
