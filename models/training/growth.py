"""Training that begins on a share of the clips and grows to all of them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from models.params.training import TrainingParams

_CHOICE = 2  # keeps the stream that chooses clips apart from orders and batches


@dataclass(frozen=True)
class Epochs:
    """How many steps each epoch has, and which share of the clips takes part in it."""

    shares: tuple[float, ...]  # 0–1, one an epoch
    ends: tuple[int, ...]  # the step after the last of each epoch

    @classmethod
    def plan(cls, clips: int, training: TrainingParams) -> Epochs:
        """An epoch is `steps_per_epoch` long; where that is 0, it shows each clip once."""
        shares = tuple(_share(epoch, training) for epoch in range(training.epochs))
        sizes = (-(-round(share * clips) // training.batch_size) for share in shares)
        return cls(shares, tuple(accumulate(training.steps_per_epoch or max(n, 1) for n in sizes)))

    @property
    def steps(self) -> int:
        """Of the whole training."""
        return self.ends[-1]

    def of(self, step: int) -> int:
        """The epoch of a step, both from 0."""
        return min(bisect_right(self.ends, step), len(self.ends) - 1)

    def first_step(self, epoch: int) -> int:
        """Of an epoch, both from 0."""
        return self.ends[epoch - 1] if epoch else 0

    def length(self, epoch: int) -> int:
        """Steps of an epoch from 0."""
        return self.ends[epoch] - self.first_step(epoch)


def in_order_of_growth(
    groups: Sequence[NDArray[np.int64]], training: TrainingParams
) -> tuple[NDArray[np.int64], ...]:
    """The clips of each group in the order in which they join; as they are where nothing grows."""
    if training.growth.first_share == 1.0:
        return tuple(groups)
    rng = np.random.default_rng([training.seed, _CHOICE])
    return tuple(rng.permutation(group) for group in groups)


def grown(group: NDArray[np.int64], share: float) -> NDArray[np.int64]:
    """The clips of a group that take part: at least one, and always the earlier ones too."""
    return group[: max(1, round(share * group.size))]


def _share(epoch: int, training: TrainingParams) -> float:
    first, epochs = training.growth.first_share, min(training.growth.epochs, training.epochs)
    done = min(epoch / (epochs - 1), 1.0) if epochs > 1 else 1.0
    return first + (1.0 - first) * done
