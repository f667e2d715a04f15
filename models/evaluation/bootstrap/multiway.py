"""Trials that share several things at once: each factor is drawn by itself, and weights multiply.

A spoof shares its source with bona fide speech, its attack with spoofs of other sources, and its
voice with a few of them. Resampling one of these alone would take the others as fixed. Here each
factor's levels are drawn with replacement (persons within their place), and a trial weighs the
product of its levels: the pigeonhole bootstrap (Owen 2007, The Annals of Applied Statistics 1(2);
Owen & Eckles 2012, same journal 6(3)), whose intervals are rather too wide than too narrow.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.evaluation.bootstrap.draws import Ints, Weights


@dataclass(frozen=True)
class Factor:
    """The levels of what is drawn, and within which group each of them is drawn."""

    groups: Ints  # (levels,) 0 …; levels of one group are drawn among themselves

    def draw(self, draws: int, random: np.random.Generator) -> Weights:
        """How often each level was drawn (draws, levels)."""
        weights = np.empty((draws, self.groups.size), dtype=np.int32)
        for group in np.unique(self.groups):
            members = np.flatnonzero(self.groups == group)
            size = members.size
            drawn = random.integers(size, size=(draws, size))
            cells = (drawn + size * np.arange(draws)[:, None]).ravel()
            weights[:, members] = np.bincount(cells, minlength=draws * size).reshape(draws, size)
        return weights
