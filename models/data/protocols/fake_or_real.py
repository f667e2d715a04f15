"""Fake-or-Real (bil.eecs.yorku.ca/datasets), in any one of its four versions.

    for-norm/for-norm/training/real/file1000.wav_16k.wav_norm.wav_mono.wav_silence.wav
    for-2sec/for-2seconds/testing/fake/file1001.wav_16k.wav_norm.wav_mono.wav_silence.wav_2sec.wav

The versions (for-original, for-norm, for-2sec, for-rerec) are the same recordings, each processed
further; only one is read, else an utterance would count several times. Neither speakers nor
synthesisers are told.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from models.data.protocols.classes import CLASSES, PARTITIONS
from models.data.protocols.layout import Folder, read_layout
from models.errors import InputError
from models.trials import UNKNOWN_ATTACK, Label, Trial


def fake_or_real(root: Path) -> Iterator[Trial]:
    """The trials of the three partitions."""
    inside = [folder for folder in read_layout(root).folders if _is_of_for(folder)]
    if not inside:
        raise InputError(
            f"fake-or-real: no training/real, validation/fake or the like under {root}"
        )
    versions = sorted({"/".join(folder.parts[:-2]) for folder in inside})
    if len(versions) > 1:
        raise InputError(
            f"fake-or-real: {', '.join(versions)} under {root} are versions of the same "
            "recordings: give the folder of one"
        )
    for folder in inside:
        yield from _trials(folder)


def _is_of_for(folder: Folder) -> bool:
    """Whether the folder is a class in a partition, as training/real is."""
    tail = tuple(part.casefold() for part in folder.parts[-2:])
    return len(tail) == 2 and tail[0] in PARTITIONS and tail[1] in CLASSES


def _trials(folder: Folder) -> Iterator[Trial]:
    partition, label = (part.casefold() for part in folder.parts[-2:])
    for name in folder.audio:
        yield Trial(
            utterance_id=f"{partition}/{label}/{name.rpartition('.')[0]}",
            path=folder.path / name,
            attack_id=None if CLASSES[label] is Label.BONAFIDE else UNKNOWN_ATTACK,
            partition=PARTITIONS[partition],
            language="en",
        )
