"""Pairs of a batch: a human clip, and a copy of it as a spoof.

A copy has the words, the voice and the recording of its parent. Cut at the same place and sent
through the same channel, the two differ by what the vocoder left, so neither the speaker nor the
channel tells the classes apart (vocoded pairs: arXiv 2210.10570).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from models.data.clips import Clips
from models.errors import InputError
from models.params.training import TrainingParams
from models.training.growth import grown

Indices: TypeAlias = NDArray[np.int64]  # of clips, (n,)


@dataclass(frozen=True)
class CopyPairs:
    """How many pairs a batch has, and which clips they are drawn from."""

    count: int = 0
    groups: tuple[Indices, ...] = ()  # human clips with copies, drawn evenly by group
    copies: Mapping[int, Indices] = field(default_factory=dict)  # human clip -> its copies

    @classmethod
    def of(cls, clips: Clips, bonafide: Sequence[Indices], training: TrainingParams) -> CopyPairs:
        """As `training.pairs` asks, of bona fide clips in groups.

        Raises InputError where no spoof names a bona fide clip as its parent.
        """
        if training.pairs == 0.0:
            return cls()
        copies = _copies(clips)
        if not copies:
            raise InputError(
                "training.pairs: spoofs of train whose `parent` is a bona fide clip of train "
                "expected, found none; copy_synthesis makes such copies"
            )
        count = min(round(training.pairs * training.batch_size / 2), training.batch_size // 2)
        groups = [np.array([i for i in group if int(i) in copies], np.int64) for group in bonafide]
        return cls(count, tuple(group for group in groups if group.size), copies)

    def draw(self, share: float, rng: np.random.Generator) -> tuple[Indices, Indices]:
        """Human clips (count,), of which a share takes part, and a copy (count,) of each."""
        humans = evenly(self.groups, self.count, share, rng)
        copies = [int(rng.choice(self.copies[human])) for human in humans.tolist()]
        return humans, np.array(copies, dtype=np.int64)

    def others(self, labels: NDArray[np.int64]) -> dict[int, int]:
        """Row -> row of the other clip of its pair, in a balanced batch with labels (batch,)."""
        bonafide = int(labels.sum())
        halves = [(row, bonafide + row) for row in range(self.count)]
        return dict(halves) | {copy: human for human, copy in halves}


def evenly(
    groups: Sequence[Indices], count: int, share: float, rng: np.random.Generator
) -> Indices:
    """Clips (count,): a group drawn evenly, then one of its clips that take part."""
    if count == 0:
        return np.empty(0, np.int64)
    drawn = rng.integers(len(groups), size=count)
    return np.array([int(rng.choice(grown(groups[at], share))) for at in drawn], dtype=np.int64)


def _copies(clips: Clips) -> dict[int, Indices]:
    """The copies of each bona fide clip that has any."""
    names = clips.utterance_ids
    humans = {names[index]: int(index) for index in np.flatnonzero(clips.bonafide)}
    copies: dict[int, list[int]] = defaultdict(list)
    for index in np.flatnonzero(~clips.bonafide):
        parent = clips.trials[index].parent
        if parent in humans:
            copies[humans[parent]].append(int(index))
    return {human: np.array(indices, dtype=np.int64) for human, indices in copies.items()}
