"""A trial is one utterance to be judged, with its key; a protocol is a list of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

UNKNOWN_ATTACK = "unknown"  # a spoof whose algorithm the corpus does not name


class Label(StrEnum):
    """What an utterance really is."""

    BONAFIDE = "bonafide"
    SPOOF = "spoof"


class Partition(StrEnum):
    """Train to learn, dev to stop and calibrate, eval to judge."""

    TRAIN = "train"
    DEV = "dev"
    EVAL = "eval"


@dataclass(frozen=True, slots=True)
class Trial:
    """One utterance with its key. The label follows from `attack_id` and cannot contradict it."""

    utterance_id: str
    path: Path
    attack_id: str | None  # None: bona fide
    partition: Partition | None = None
    speaker_id: str | None = None
    codec: str | None = None
    language: str | None = None
    source: str | None = None  # the corpus, device or site a recording came from
    parent: str | None = None  # utterance_id of the human recording a copy-synthesis was made from
    extra: Mapping[str, str] = field(default_factory=dict)  # further columns, kept as they came

    @property
    def label(self) -> Label:
        """`bonafide` where no attack made it, `spoof` otherwise."""
        return Label.BONAFIDE if self.attack_id is None else Label.SPOOF

    @property
    def cluster(self) -> str:
        """What this utterance shares with others: its speaker, else its source, else itself."""
        return self.speaker_id or self.source or self.utterance_id


@dataclass(frozen=True, slots=True)
class Protocol:
    """A named list of trials."""

    name: str
    trials: tuple[Trial, ...]
    skipped: tuple[str, ...] = ()  # files below its root that are no trial's

    def partition(self, partition: Partition) -> tuple[Trial, ...]:
        """The trials of one partition, in protocol order."""
        return tuple(trial for trial in self.trials if trial.partition is partition)


def trials_hash(keys: Iterable[tuple[str, str | None]]) -> str:
    """SHA-256 of a trial list given as (utterance_id, attack_id) pairs, whatever their order."""
    digest = hashlib.sha256()
    for utterance_id, attack_id in sorted((u, a or "") for u, a in keys):
        digest.update(f"{utterance_id}\t{attack_id}\n".encode())
    return digest.hexdigest()
