"""Any audio that lies in one folder per class, whatever their letter case.

    bonafide/anna/001.wav            REAL/001.wav              train/bonafide/001.wav
    spoof/melgan/anna/001.wav        FAKE/002.wav              eval/spoof/melgan/002.wav

A folder in `spoof/` names the attack; a folder in `bonafide/`, or in an attack's folder, names
the speaker. Above the classes there may be folders of partitions: train, dev, eval (also
training, validation, testing and the like); without them partitions are drawn.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from models.data.protocols.classes import CLASSES, PARTITIONS, class_at, partition_of_parts
from models.data.protocols.layout import Folder, read_layout
from models.errors import InputError
from models.trials import UNKNOWN_ATTACK, Label, Trial


def folders(root: Path) -> Iterator[Trial]:
    """The trials of both classes; raises InputError where one class has no audio at all."""
    layout = read_layout(root)
    inside = [f for f in layout.folders if class_at(f.parts) is not None and f.audio]
    labels = {CLASSES[f.parts[class_at(f.parts) or 0].casefold()] for f in inside}
    for label in Label:
        if label not in labels:
            names = " or ".join(f"{name}/" for name, meant in CLASSES.items() if meant is label)
            raise InputError(f"folders: no {label} audio under {root}: {names} expected")
    partitions = {partition_of_parts(f.parts[: class_at(f.parts)]) for f in inside}
    if None in partitions and len(partitions) > 1:
        raise InputError(f"folders: some audio under {root} is in a partition's folder, some not")
    above = _common(inside)
    for folder in inside:
        yield from _trials(folder, above)


def _common(inside: list[Folder]) -> int:
    """Number of leading names that all folders share and that name no class.

    They are no part of an utterance_id: a corpus is the same wherever it is unpacked.
    """
    above = [folder.parts[: class_at(folder.parts)] for folder in inside]
    for depth, names in enumerate(zip(*above, strict=False)):
        if len(set(names)) > 1 or names[0].casefold() in PARTITIONS:
            return depth
    return min(map(len, above))


def _trials(folder: Folder, above: int) -> Iterator[Trial]:
    at = class_at(folder.parts) or 0
    below = folder.parts[at + 1 :]
    attack_id = None
    if CLASSES[folder.parts[at].casefold()] is Label.SPOOF:
        attack_id = below[0] if below else UNKNOWN_ATTACK
        below = below[1:]
    for name in folder.audio:
        yield Trial(
            utterance_id="/".join((*folder.parts[above:], name.rpartition(".")[0])),
            path=folder.path / name,
            attack_id=attack_id,
            partition=partition_of_parts(folder.parts[:at]),
            speaker_id="/".join(below) or None,
        )
