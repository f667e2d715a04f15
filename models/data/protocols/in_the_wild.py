"""In-the-Wild (arXiv 2203.16263): `release_in_the_wild/` holds 31,779 WAV files and `meta.csv`.

    file,speaker,label
    0.wav,Alec Guinness,spoof
    4.wav,Christopher Hitchens,bona-fide

It has no partitions and is published as a test set: all of it is eval. The speaker of a spoof is
the person it imitates; what made it is not told.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from models.data.protocols.layout import read_layout
from models.data.protocols.lines import complaint, read_table
from models.trials import UNKNOWN_ATTACK, Partition, Trial

ATTACKS = {"bona-fide": None, "bonafide": None, "spoof": UNKNOWN_ATTACK}


def in_the_wild(root: Path) -> Iterator[Trial]:
    """All trials, as eval."""
    layout = read_layout(root)
    [path] = layout.require("in-the-wild", ["meta.csv"])
    # what lies with the table wins over the same name elsewhere, being the later key
    folders = sorted(layout.folders, key=lambda folder: folder.path.is_relative_to(path.parent))
    folder_of = {name: folder.path for folder in folders for name in folder.audio}
    for line, row in read_table(path, ("file", "speaker", "label")):
        name, label = row["file"], row["label"].lower()
        if label not in ATTACKS:
            raise complaint(path, line, f"bona-fide or spoof expected, found {row['label']!r}")
        yield Trial(
            utterance_id=name,
            path=folder_of.get(name, path.parent) / name,
            attack_id=ATTACKS[label],
            partition=Partition.EVAL,
            speaker_id=row["speaker"] or None,
            language="en",
        )
