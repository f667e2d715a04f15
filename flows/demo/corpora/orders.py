"""What is to be made, decided before anything is decoded or synthesised."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from flows.demo.corpora.find_recordings import Recording
from flows.demo.corpora.synthesisers.voices import Part, Voice
from models.trials import Partition

BASE, TRAFFIC = "base", "traffic"


@dataclass(frozen=True, slots=True)
class Order:
    """One utterance to be made. `recording` is the human one, or the one that lends its channel."""

    utterance_id: str
    attack_id: str | None  # None: bona fide
    partition: Partition
    speaker_id: str
    language: str
    source: str
    codec: str
    licence: str
    recording: Path
    release: int = 0  # the order in which the world first hears an attack
    parent: str = ""  # utterance_id of the human recording that was copied
    text: str = ""
    voice: Voice | None = None  # of a synthesiser; None: human, or copied
    pace: float = 1.0
    seed: int = 0
    ready: bool = False  # `recording` is the utterance itself, of whichever class

    @property
    def path(self) -> str:
        """Where its file lies below the corpus's folder."""
        if self.attack_id is None:
            return f"bonafide/{self.source}/{self.utterance_id}.flac"
        return f"spoof/{self.attack_id}/{self.utterance_id}.flac"


def human_order(recording: Recording, partition: Partition) -> Order:
    """A human recording, as it is."""
    return Order(
        utterance_id=f"bonafide-{recording.recording_id}",
        attack_id=None,
        partition=partition,
        speaker_id=recording.speaker_id,
        language=recording.language,
        source=recording.source,
        codec=recording.codec,
        licence=recording.licence,
        recording=recording.path,
    )


@dataclass(frozen=True, slots=True)
class Batch:
    """Orders of one kind; the first `wanted` that succeed, all for None, enter a corpus."""

    corpus: str  # BASE or TRAFFIC
    orders: tuple[Order, ...]
    wanted: int | None


@dataclass(frozen=True)
class CorpusSize:
    """How many utterances of each kind."""

    bonafide: Mapping[Part, int]
    attack: Mapping[Part, int]  # of each attack that the champion trains on
    unheard: Mapping[Part, int]  # of the attack that only traffic brings


SIZES: dict[str, CorpusSize] = {
    "full": CorpusSize(
        bonafide={Part.TRAIN: 420, Part.DEV: 120, Part.EVAL: 160, Part.TRAFFIC: 140},
        attack={Part.TRAIN: 120, Part.DEV: 40, Part.EVAL: 40, Part.TRAFFIC: 40},
        unheard={Part.TRAIN: 180, Part.DEV: 50, Part.EVAL: 130},
    ),
    "small": CorpusSize(
        bonafide={Part.TRAIN: 60, Part.DEV: 24, Part.EVAL: 36, Part.TRAFFIC: 30},
        attack={Part.TRAIN: 24, Part.DEV: 10, Part.EVAL: 14, Part.TRAFFIC: 10},
        unheard={Part.TRAIN: 24, Part.DEV: 10, Part.EVAL: 14},
    ),
}


def describe_size(size: CorpusSize) -> dict[str, dict[str, int]]:
    """A size as JSON holds it."""
    kinds = {"bonafide": size.bonafide, "attack": size.attack, "unheard": size.unheard}
    return {kind: {str(part): n for part, n in counts.items()} for kind, counts in kinds.items()}
