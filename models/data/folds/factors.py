"""Trials by attack, source and unit: what a factorial plan holds out, and what stays together.

A source stays with the sources that share a human speaker with it; together they are a place. A
unit is what is never split between train and eval: in a place with several speakers, a speaker with
the copies of their recordings; in a place with few, a recording with its copies; a spoof that is no
copy is a unit of its own.
"""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np

from models.data.folds.fold import Mask, Rows, distinct_names
from models.data.protocols.partitions import group_keys
from models.errors import InputError
from models.trials import Trial


class FactorTable:
    """Trials as columns (trials,)."""

    def __init__(self, trials: Sequence[Trial]) -> None:
        self.attacks = np.array([trial.attack_id or "" for trial in trials], dtype=np.str_)
        self.sources = np.array([trial.source or "" for trial in trials], dtype=np.str_)
        self.bonafide: Mask = self.attacks == ""
        self._trials = trials
        self.people = np.array(group_keys(trials), dtype=np.str_)
        human = set(self.people[self.bonafide])
        self.human: Mask = np.isin(self.people, list(human))  # bona fide speech and its copies
        if not distinct_names(self.sources):
            raise InputError("folds: the trials name no source")

    @cached_property
    def places(self) -> dict[str, str]:
        """The place of each source, named after its first source."""
        above = {source: source for source in distinct_names(self.sources)}

        def root(name: str) -> str:
            while above[name] != name:
                name = above[name]
            return name

        where: dict[str, str] = {}
        for row in np.flatnonzero(self.human & (self.sources != "")):
            source, person = str(self.sources[row]), str(self.people[row])
            first, second = sorted((root(where.setdefault(person, source)), root(source)))
            above[second] = first
        return {source: root(source) for source in above}

    def units(self, several: int) -> Rows:
        """The unit (trials,) of each trial; `several` speakers or more are kept apart."""
        recordings = np.array(
            group_keys([replace(trial, speaker_id=None) for trial in self._trials]), dtype=np.str_
        )
        crowded = [place for place, people in self._people_of().items() if len(people) >= several]
        places = np.array([self.places.get(str(source), "") for source in self.sources])
        by_person = self.human & np.isin(places, crowded)
        names = np.where(
            by_person, np.char.add("person ", self.people), np.char.add("recording ", recordings)
        )
        return np.unique(names, return_inverse=True)[1].astype(np.int64)

    def deal_units(self, units: Rows, parts: int, seed: int) -> Rows:
        """The part (trials,) of each trial: every source and attack in its share, units whole."""
        from sklearn.model_selection import StratifiedGroupKFold

        strata = np.char.add(np.char.add(self.sources, "\t"), self.attacks)
        part = np.empty(units.size, dtype=np.int64)
        with warnings.catch_warnings():
            # an attack with few trials in a source is in some of the parts only
            warnings.filterwarnings("ignore", "The least populated class", UserWarning)
            dealing = StratifiedGroupKFold(parts, shuffle=True, random_state=seed)
            for number, (_, rows) in enumerate(dealing.split(strata, strata, units)):
                part[rows] = number
        return part

    def _people_of(self) -> dict[str, set[str]]:
        people: dict[str, set[str]] = defaultdict(set)
        for source, person in zip(
            self.sources[self.bonafide], self.people[self.bonafide], strict=True
        ):
            if source:
                people[self.places[str(source)]].add(str(person))
        return people
