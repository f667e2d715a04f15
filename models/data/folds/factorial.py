"""Attacks and sources held out at once, and evaluated in four cells.

A fold holds out a group of attacks and a group of sources; dev has the next group of both, so that
nothing is chosen on attacks or sources that training has; the others train. Of the sources in
train, a part of the units is kept from training, another one in each fold: it is the speech of
`source heard`.

    cell                                 spoofs of              from sources
    attack heard, source heard           the attacks in train   in train, the part kept from it
    attack heard, source not heard       the attacks in train   held out
    attack not heard, source heard       the attacks held out   in train; of copies, the part kept
    attack not heard, source not heard   the attacks held out   held out

Bona fide trials of a cell are from the same sources as its spoofs: a source that has one class only
is not in the cell. Partitions of the corpus play no part.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from models.data.folds.dealing import Dealing, Stock, deal
from models.data.folds.factors import FactorTable
from models.data.folds.fold import Fold, Groups, Mask, Rows, distinct_names, require_groups
from models.errors import InputError
from models.trials import Trial

FOLDS = 4
PARTS = 4  # of each source in train; one is kept from training
LEAST = 10  # trials of each class in a cell, in train and in dev


class EvaluationCell(StrEnum):
    """What training has of the trials that are evaluated."""

    BOTH_HEARD = "attack heard, source heard"
    SOURCE_NEW = "attack heard, source not heard"
    ATTACK_NEW = "attack not heard, source heard"
    BOTH_NEW = "attack not heard, source not heard"


@dataclass(frozen=True, eq=False)
class FactorialFold(Fold):
    """A fold whose eval is the union of four cells."""

    cells: Mapping[EvaluationCell, Rows]
    attacks: tuple[str, ...]  # held out
    sources: tuple[str, ...]

    def unheard_attacks(self, trials: Sequence[Trial]) -> set[str | None]:
        """The attacks that train has not: a copy by the name of one of dev would be chosen by."""
        learnt = {trials[row].attack_id for row in self.train}
        return {trial.attack_id for trial in trials} - learnt


def factorial_folds(
    trials: Sequence[Trial],
    *,
    folds: int = FOLDS,
    seed: int = 2026,
    attacks: Groups | None = None,
    sources: Groups | None = None,
) -> tuple[FactorialFold, ...]:
    """A fold for each group of attacks and the group of sources in the same place.

    Without groups, attacks and sources are dealt into `folds` groups: of 2,000 draws under the
    seed, the one whose smallest cell has most trials. Raises InputError for groups that are unknown
    or contradict each other, for sources that share a speaker in different groups, and for a cell,
    a train or a dev part with fewer than 10 trials of a class, naming fold and part.
    """
    table = FactorTable(trials)
    dealing = _dealing(table, folds, seed, attacks, sources)
    units = table.units(several=PARTS)
    part = table.deal_units(units, PARTS, seed)
    count = len(dealing.attacks)
    return tuple(
        _fold(
            _Cut(table, units, part == number % PARTS, dealing, number, (number + 1) % count),
            f"fold {number + 1}",
        )
        for number in range(count)
    )


def _dealing(
    table: FactorTable, folds: int, seed: int, attacks: Groups | None, sources: Groups | None
) -> Dealing:
    names = distinct_names(table.attacks)
    for groups, known, what in (
        (attacks, names, "attack"),
        (sources, distinct_names(table.sources), "source"),
    ):
        if groups is not None:
            require_groups(groups, known, what)
    sizes = {len(groups) for groups in (attacks, sources) if groups is not None} or {folds}
    if len(sizes) > 1:
        raise InputError(
            f"factorial: as many groups of sources as of attacks expected, found "
            f"{len(sources or ())} and {len(attacks or ())}"
        )
    (count,) = sizes
    places = [
        tuple(source for source, where in table.places.items() if where == place)
        for place in distinct_names(table.places.values())
    ]
    _require_enough(count, len(names), len(places))
    for group in sources or ():
        _require_whole(group, places)
    return deal(_stock(table, names, places), count, seed, attacks, sources)


def _require_enough(count: int, attacks: int, places: int) -> None:
    if count < 3:
        raise InputError(
            f"factorial: 3 folds or more expected (held out, dev, train), found {count}"
        )
    if min(attacks, places) < count:
        raise InputError(
            f"factorial: {count} folds expected, but the trials have {attacks} attacks and "
            f"{places} sources that share no speaker"
        )


def _require_whole(group: Sequence[str], places: Groups) -> None:
    for place in places:
        inside = [source for source in place if source in group]
        if inside and len(inside) < len(place):
            raise InputError(
                f"factorial: the sources {', '.join(place)} share a speaker: one group for all of "
                f"them expected, found {'+'.join(group)}"
            )


def _stock(table: FactorTable, attacks: Sequence[str], places: Groups) -> Stock:
    inside = [np.isin(table.sources, list(place)) for place in places]

    def counts(mask: Mask) -> Rows:
        of_attack = [(table.attacks == name) & mask for name in attacks]
        return np.array([[np.sum(some & where) for where in inside] for some in of_attack])

    bonafide = np.array([np.sum(table.bonafide & where) for where in inside])
    return Stock(attacks, places, counts(~table.bonafide), counts(table.human), bonafide, 1 / PARTS)


@dataclass(frozen=True, eq=False)
class _Cut:
    """The trials of one fold by what they are for."""

    table: FactorTable
    units: Rows
    kept: Mask  # from training, where their source is in train
    dealing: Dealing
    held: int
    dev: int

    def attacks(self, *groups: int) -> Mask:
        """Spoofs of the attacks in these groups."""
        names = [name for number in groups for name in self.dealing.attacks[number]]
        return np.isin(self.table.attacks, names)

    def sources(self, *groups: int) -> Mask:
        """Trials of the sources in these groups."""
        names = [name for number in groups for name in self.dealing.sources[number]]
        return np.isin(self.table.sources, names)

    def rest(self, groups: Groups) -> list[int]:
        """The groups that train."""
        return [number for number in range(len(groups)) if number not in (self.held, self.dev)]


def _fold(cut: _Cut, name: str) -> FactorialFold:
    table, human = cut.table, cut.table.bonafide
    learnt = cut.attacks(*cut.rest(cut.dealing.attacks))
    familiar = cut.sources(*cut.rest(cut.dealing.sources))
    held, away = cut.attacks(cut.held), cut.sources(cut.held)
    train = (learnt | human) & familiar & ~cut.kept
    apart = familiar & ~np.isin(cut.units, cut.units[train])
    kept = familiar & human & cut.kept
    masks = {
        EvaluationCell.BOTH_HEARD: (learnt & apart & cut.kept) | kept,
        EvaluationCell.SOURCE_NEW: (learnt | human) & away,
        EvaluationCell.ATTACK_NEW: (held & apart) | kept,
        EvaluationCell.BOTH_NEW: (held | human) & away,
    }
    attacks, sources = (
        tuple(groups[cut.held]) for groups in (cut.dealing.attacks, cut.dealing.sources)
    )
    name = f"{name} ({'+'.join(attacks)}; {'+'.join(sources)})"
    dev = (cut.attacks(cut.dev) | human) & cut.sources(cut.dev)
    parts = {"train": _matched(table, train), "dev": _matched(table, dev)}
    parts |= {f"'{cell}'": _matched(table, mask) for cell, mask in masks.items()}
    for part, mask in parts.items():
        _require_trials(table, mask, name, part)
    cells = {cell: np.flatnonzero(parts[f"'{cell}'"]) for cell in masks}
    judged = np.unique(np.concatenate(list(cells.values())))
    train_rows = np.flatnonzero(train)
    return FactorialFold(
        name, train_rows, np.flatnonzero(parts["dev"]), judged, cells, attacks, sources
    )


def _matched(table: FactorTable, mask: Mask) -> Mask:
    """The trials of sources that have both classes among them."""
    both = set(table.sources[mask & table.bonafide]) & set(table.sources[mask & ~table.bonafide])
    return mask & np.isin(table.sources, list(both))


def _require_trials(table: FactorTable, mask: Mask, name: str, part: str) -> None:
    for label, of_class in (("bona fide trials", table.bonafide), ("spoofs", ~table.bonafide)):
        count = int((mask & of_class).sum())
        if count < LEAST:
            raise InputError(
                f"{name}: {LEAST} {label} or more expected in {part}, from sources with both "
                f"classes, found {count}; other or larger groups, or fewer folds, help"
            )


def describe(fold: FactorialFold, trials: Sequence[Trial]) -> Iterator[str]:
    """Lines that say how many trials of which class are in train, dev and each cell."""
    for part, rows in (("train", fold.train), ("dev", fold.dev), *fold.cells.items()):
        spoofs = sum(trials[row].attack_id is not None for row in rows)
        yield f"{fold.name}: {part}: {rows.size - spoofs} bona fide, {spoofs} spoofs"
