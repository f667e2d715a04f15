"""Weights of trials, places, attacks and seeds, the same for every recipe and every figure.

The first draw is the trials as they are; one draw for each seed alone follows; the others are drawn
with replacement: places and attacks, speakers within their place, voices within their attack, and
seeds.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from models.evaluation.bootstrap.draws import Floats, Ints, Weights
from models.evaluation.bootstrap.multiway import Factor
from models.evaluation.factorial.design import Design


@dataclass(frozen=True, eq=False)
class FactorWeights:
    """Draws of a design's factors."""

    design: Design
    seeds: int
    resamples: int
    random_seed: int

    @property
    def draws(self) -> int:
        """The trials as they are, each seed alone, and the resamples."""
        return 1 + self.seeds + self.resamples

    @cached_property
    def places(self) -> Weights:
        """(draws, places)."""
        return self._drawn(Factor(np.zeros(len(self._place_names), np.int64)), 0)

    @cached_property
    def attacks(self) -> Weights:
        """(draws, attacks), in the order of the design's attack names."""
        return self._drawn(Factor(np.zeros(len(self.design.attack_names), np.int64)), 1)

    @cached_property
    def by_seed(self) -> Floats:
        """(draws, seeds)."""
        weights = self._drawn(Factor(np.zeros(self.seeds, np.int64)), 2).astype(np.float64)
        weights[1 : 1 + self.seeds] = np.eye(self.seeds)
        return weights

    @cached_property
    def units(self) -> Ints:
        """The unit (trials,): trials of one place, person and attack weigh the same."""
        return np.unique(self._levels, axis=0, return_inverse=True)[1].ravel().astype(np.int64)

    @cached_property
    def by_unit(self) -> Weights:
        """(draws, units)."""
        persons = self._drawn(self._persons, 3)
        levels = np.unique(self._levels, axis=0)
        weights = self.places[:, levels[:, 0]] * persons[:, levels[:, 1]]
        spoof = levels[:, 2] >= 0
        weights[:, spoof] *= self.attacks[:, levels[spoof, 2]]
        return weights.astype(np.int32)

    def of_source(self, source: str) -> Floats:
        """(draws,) the weight of the source's place."""
        place = self.design.places[list(self.design.sources).index(source)]
        return self.places[:, self._place_names.index(place)].astype(np.float64)

    def of_attack(self, attack: str) -> Floats:
        """(draws,)."""
        return self.attacks[:, self.design.attack_names.index(attack)].astype(np.float64)

    @cached_property
    def _place_names(self) -> list[str]:
        return sorted(set(self.design.places))

    @cached_property
    def _levels(self) -> Ints:
        """(trials, 3): place, person, and attack or -1."""
        places = np.array([self._place_names.index(name) for name in self.design.places])
        attack_of = {name: number for number, name in enumerate(self.design.attack_names)}
        attacks = np.array([attack_of.get(name, -1) for name in self.design.attacks])
        within = np.where(self.design.of_place, places, len(self._place_names) + attacks)
        names = np.array(self.design.persons, dtype=np.str_)
        keys = np.char.add(np.char.add(within.astype(np.str_), "\t"), names)
        persons = np.unique(keys, return_inverse=True)[1]
        return np.stack((places, persons, attacks), axis=1).astype(np.int64)

    @cached_property
    def _persons(self) -> Factor:
        places = len(self._place_names)
        within = np.where(self.design.of_place, self._levels[:, 0], places + self._levels[:, 2])
        first = np.unique(self._levels[:, 1], return_index=True)[1]
        return Factor(within[first])

    def _drawn(self, factor: Factor, number: int) -> Weights:
        random = np.random.default_rng((self.random_seed, number))
        weights = factor.draw(self.draws, random)
        weights[: 1 + self.seeds] = 1
        return weights
