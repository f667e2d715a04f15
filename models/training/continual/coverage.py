"""A bounded memory of old clips that covers their attacks and speakers.

The order is drawn by hashes of names: it depends on the clips and the seed, not on the order of a
table, and the memory of n clips is part of the memory of n + 1.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from itertools import chain, zip_longest

import numpy as np
from numpy.typing import NDArray

from models.data.clips import Clips
from models.trials import Trial

Kind = Callable[[Trial], str]

# from the outside in: each class as often as the other, in it each attack, in it each speaker …
KINDS: tuple[Kind, ...] = (
    lambda trial: str(trial.label),
    lambda trial: trial.attack_id or "",
    lambda trial: trial.cluster,
    lambda trial: trial.codec or "",
)


def cover(clips: Clips, count: int, seed: int) -> NDArray[np.int64]:
    """Indices (at most `count`,) of clips: classes, attacks, speakers and codecs taken in turns.

    A kind with fewer clips than its share gives all it has, and the others share the rest.
    """
    order = _in_turns(clips.trials, list(range(len(clips))), KINDS, seed)
    return np.array(order[:count], dtype=np.int64)


def _in_turns(
    trials: Sequence[Trial], indices: list[int], kinds: Sequence[Kind], seed: int
) -> list[int]:
    if not kinds:
        return sorted(indices, key=lambda index: _lot(trials[index].utterance_id, seed))
    groups: dict[str, list[int]] = {}
    for index in indices:
        groups.setdefault(kinds[0](trials[index]), []).append(index)
    names = sorted(groups, key=lambda name: _lot(name, seed))
    orders = [_in_turns(trials, groups[name], kinds[1:], seed) for name in names]
    rounds = chain.from_iterable(zip_longest(*orders))
    return [index for index in rounds if index is not None]


def _lot(name: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}\t{name}".encode()).digest()
