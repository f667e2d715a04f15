"""A fold, and what all plans need to make one: names of groups and their checks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from models.errors import InputError
from models.trials import Trial

Rows = NDArray[np.int64]
Mask = NDArray[np.bool_]
Groups = Sequence[Sequence[str]]


@dataclass(frozen=True, eq=False)
class Fold:
    """Rows of the trials that a plan was made of."""

    name: str  # what is held out
    train: Rows
    dev: Rows
    eval: Rows

    def and_copies(self, trials: Sequence[Trial], copies: Sequence[Trial]) -> Self:
        """Add the copies of recordings in train; their rows follow those of the trials.

        A copy by the name of an attack that the fold holds out is left out too.
        """
        parents = {trials[row].utterance_id for row in self.train if trials[row].attack_id is None}
        held = self.unheard_attacks(trials)
        more = [
            row
            for row, copy in enumerate(copies, len(trials))
            if copy.parent in parents and copy.attack_id not in held
        ]
        return replace(self, train=np.concatenate([self.train, np.array(more, dtype=np.int64)]))

    def unheard_attacks(self, trials: Sequence[Trial]) -> set[str | None]:
        """The attacks of eval that are in neither train nor dev."""
        learnt = {trials[row].attack_id for row in (*self.train, *self.dev)}
        return {trials[row].attack_id for row in self.eval} - learnt


def distinct_names(values: Iterable[str]) -> list[str]:
    """The values in alphabetical order, without the empty one."""
    return sorted({str(value) for value in values} - {""})


def require_groups(groups: Groups, available: Sequence[str], what: str) -> None:
    """Raise InputError for no name, an unknown name, or one in two groups."""
    names = [name for group in groups for name in group]
    if not names:
        raise InputError(f"folds: the trials name no {what}")
    for name in names:
        if name not in available:
            choices = ", ".join(available)
            raise InputError(f"no {what} named {name!r} in the trials; known: {choices}")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f"folds: {what} {twice!r} is in two groups")
