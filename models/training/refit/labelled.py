"""Embeddings of labelled clips, and how much each of them weighs in a fit."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from models.data.clips import Clips


@dataclass(frozen=True)
class LabelledEmbeddings:
    """Embeddings of clips, the mean over the windows of each, with what the clips are."""

    embeddings: NDArray[np.float32]  # (n, d)
    bonafide: NDArray[np.bool_]  # (n,)
    groups: tuple[str, ...]  # (n,), the caller or speaker of each: never on both sides of a fold
    kinds: tuple[str, ...]  # (n,), the attack of a spoof, the source of bona fide speech

    @classmethod
    def of(cls, embeddings: NDArray[np.float32], clips: Clips) -> LabelledEmbeddings:
        """Embeddings (n, d) of these clips."""
        kinds = tuple(trial.attack_id or trial.source or "" for trial in clips.trials)
        return cls(embeddings, clips.bonafide, clips.clusters, kinds)

    def __len__(self) -> int:
        """How many clips."""
        return len(self.bonafide)

    def followed_by(self, others: LabelledEmbeddings) -> LabelledEmbeddings:
        """These clips, then the others."""
        return LabelledEmbeddings(
            np.concatenate([self.embeddings, others.embeddings]),
            np.concatenate([self.bonafide, others.bonafide]),
            (*self.groups, *others.groups),
            (*self.kinds, *others.kinds),
        )


def even_weights(clips: LabelledEmbeddings) -> NDArray[np.float64]:
    """Weights (n,) that sum to 1: the same for both classes, for the kinds of a class, and for the
    clips of a kind; what balanced batches do."""
    keys = list(zip(clips.bonafide.tolist(), clips.kinds, strict=True))
    sizes = Counter(keys)
    kinds = Counter(label for label, _ in sizes)
    return np.array([1 / (len(kinds) * kinds[key[0]] * sizes[key]) for key in keys])


def shared_weights(
    bonafide: NDArray[np.bool_], is_new: NDArray[np.bool_], share: float,
    within: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:  # fmt: skip
    """Weights (n,) that sum to 1: the same for both classes, `share` of a class for its new clips.

    `within` (n,) says how the rest of a class is dealt among its other clips; None: evenly.
    """
    parts = np.ones(len(bonafide)) if within is None else within
    weights = np.zeros(len(bonafide))
    for label in (True, False):
        new, others = (bonafide == label) & is_new, (bonafide == label) & ~is_new
        if new.any():
            weights[new] = (share if others.any() else 1.0) / new.sum()
        if others.any():
            whole = (1 - share) if new.any() else 1.0
            weights[others] = whole * parts[others] / parts[others].sum()
    total: NDArray[np.float64] = weights / weights.sum()
    return total
